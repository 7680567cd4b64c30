package io.vela.router.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.agent.CloneId;
import io.vela.agent.SnapshotId;
import io.vela.config.MaxBytes;
import io.vela.config.ParkPolicy.OnIdle;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.ByteSize;
import io.vela.config.value.Secret;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router.BranchSettings;
import io.vela.router.catalog.BranchRow.Phase;
import io.vela.router.route.TokenId;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class PgCatalogTest {
  private static final BranchSettings OWN =
      new BranchSettings(
          Optional.of(Duration.ofSeconds(7)),
          Optional.of(OnIdle.STAY_AWAKE),
          Optional.of(Duration.ofMillis(1500)),
          Optional.of(new MaxBytes.Size(new ByteSize((1L << 30) + 1))));
  private static final BaselineName MAIN = new BaselineName("main");
  private static final BranchName PR = new BranchName("pr-1");
  private static CatalogServer server;
  private static Vertx vertx;
  private static ExecutorService threads;
  private PgCatalog catalog;

  @BeforeAll
  static void start() throws Exception {
    server = new CatalogServer();
    vertx = Vertx.vertx();
    threads = Executors.newVirtualThreadPerTaskExecutor();
  }

  @AfterAll
  static void stop() throws Exception {
    vertx.close().toCompletionStage().toCompletableFuture().get();
    threads.shutdownNow();
    server.close();
  }

  @BeforeEach
  void open() throws Exception {
    catalog = another();
    sql("truncate baseline, snapshot, branch, token, warm_clone, removed_snapshot cascade");
  }

  @AfterEach
  void close() {
    catalog.close();
  }

  private static PgCatalog another() throws RouteException {
    return PgCatalog.open(vertx, server.options(), server.dataSource(), threads);
  }

  private static void sql(String statement) throws Exception {
    try (var connection = server.dataSource().getConnection();
        var run = connection.createStatement()) {
      run.execute(statement);
    }
  }

  private BranchRow insert() throws RouteException {
    var snapshot =
        catalog.baselines().stream()
            .map(BaselineRow::current)
            .findFirst()
            .orElseGet(SnapshotId::random);
    return catalog.insertBranch(PR, CloneId.random(), MAIN, snapshot, OWN);
  }

  @Test
  void theSchemaIsWhatTheNewestMigrationMakes() {
    var current = Migrations.flyway(server.dataSource()).info();
    assertThat(current.pending()).isEmpty();
    assertThat(String.valueOf(current.current().getVersion())).isEqualTo(Migrations.LATEST);
  }

  @Test
  void aBranchIsWrittenMovedOnAndRemoved() throws Exception {
    var snapshot = SnapshotId.random();
    catalog.switchBaseline(MAIN, snapshot);
    var row = insert();
    assertThat(row.snapshot()).isEqualTo(snapshot);
    assertThat(row.phase()).isEqualTo(Phase.READY);
    assertThat(row.settings()).isEqualTo(OWN);

    catalog.setSettings(row.id(), BranchSettings.POLICY);
    assertThat(catalog.branches()).containsExactly(row.with(BranchSettings.POLICY));
    catalog.setPhase(row.id(), Phase.DELETING);
    assertThat(catalog.branches())
        .singleElement()
        .extracting(BranchRow::phase)
        .isEqualTo(Phase.DELETING);
    catalog.removeBranch(row.id());
    catalog.removeBranch(row.id());
    assertThat(catalog.branches()).isEmpty();

    catalog.removeBranch(insert().cloneId());
    assertThat(catalog.branches()).isEmpty();
  }

  @Test
  void aNameIsTakenOnceAndNeedsItsBaseline() throws Exception {
    assertThatThrownBy(this::insert)
        .extracting(e -> ((RouteException) e).failure())
        .isEqualTo(new RouteFailure.NoSuchBaseline("main"));
    catalog.switchBaseline(MAIN, SnapshotId.random());
    insert();
    assertThatThrownBy(this::insert)
        .extracting(e -> ((RouteException) e).failure())
        .isEqualTo(new RouteFailure.AlreadyExists("branch", "pr-1"));
  }

  @Test
  void aSnapshotStaysWhileABranchComesFromIt() throws Exception {
    var old = SnapshotId.random();
    var fresh = SnapshotId.random();
    catalog.switchBaseline(MAIN, old);
    var row = insert();
    catalog.switchBaseline(MAIN, fresh);
    assertThat(catalog.removeUnusedSnapshots()).isEmpty();
    catalog.removeBranch(row.id());
    assertThat(catalog.removeUnusedSnapshots()).containsExactly(old);
    assertThat(catalog.snapshots()).extracting(SnapshotRow::id).containsExactly(fresh);
    assertThat(catalog.baselines()).extracting(BaselineRow::current).containsExactly(fresh);

    // Until its volume is known to have gone, by whichever Vela.
    try (var next = another()) {
      assertThat(next.goingSnapshots()).containsExactly(old);
      assertThat(next.removeUnusedSnapshots()).containsExactly(old);
      next.forgetSnapshot(old);
    }
    assertThat(catalog.goingSnapshots()).isEmpty();
    catalog.forgetSnapshot(old);
  }

  @Test
  void aWarmCloneBecomesABranchInOneStepAndCanBeTakenBack() throws Exception {
    var snapshot = SnapshotId.random();
    catalog.switchBaseline(MAIN, snapshot);
    var clone = CloneId.random();
    assertThat(catalog.warm().insert(clone, MAIN)).isEqualTo(snapshot);
    assertThat(catalog.warm().all()).containsExactly(clone);
    assertThat(catalog.branches()).isEmpty();

    var row = catalog.warm().handOut(clone, PR, OWN).orElseThrow();

    assertThat(row.cloneId()).isEqualTo(clone);
    assertThat(row.snapshot()).isEqualTo(snapshot);
    assertThat(row.phase()).isEqualTo(Phase.READY);
    assertThat(row.settings()).isEqualTo(OWN);
    assertThat(catalog.branches()).containsExactly(row);
    assertThat(catalog.warm().all()).isEmpty();
    assertThat(catalog.warm().handOut(clone, new BranchName("other"), BranchSettings.POLICY))
        .isEmpty();

    catalog.warm().takeBack(clone);
    catalog.warm().takeBack(clone);
    assertThat(catalog.branches()).isEmpty();
    assertThat(catalog.warm().all()).containsExactly(clone);
    catalog.warm().remove(clone);
    assertThat(catalog.warm().all()).isEmpty();
  }

  @Test
  void aHandOutUnderANameThatIsTakenChangesNothing() throws Exception {
    catalog.switchBaseline(MAIN, SnapshotId.random());
    insert();
    var clone = CloneId.random();
    catalog.warm().insert(clone, MAIN);
    assertThatThrownBy(() -> catalog.warm().handOut(clone, PR, BranchSettings.POLICY))
        .extracting(e -> ((RouteException) e).failure())
        .isEqualTo(new RouteFailure.AlreadyExists("branch", "pr-1"));
    assertThat(catalog.warm().all()).containsExactly(clone);
  }

  @Test
  void aSnapshotStaysWhileAWarmCloneComesFromIt() throws Exception {
    var old = SnapshotId.random();
    catalog.switchBaseline(MAIN, old);
    var clone = CloneId.random();
    catalog.warm().insert(clone, MAIN);
    catalog.switchBaseline(MAIN, SnapshotId.random());
    assertThat(catalog.removeUnusedSnapshots()).isEmpty();
    catalog.warm().remove(clone);
    assertThat(catalog.removeUnusedSnapshots()).containsExactly(old);
  }

  @Test
  void aWarmCloneNeedsItsBaseline() {
    assertThatThrownBy(() -> catalog.warm().insert(CloneId.random(), MAIN))
        .extracting(e -> ((RouteException) e).failure())
        .isEqualTo(new RouteFailure.NoSuchBaseline("main"));
  }

  private static TokenRow token(Optional<Long> branch) {
    return new TokenRow(
        new TokenId("k3f9x2"),
        new Secret("SCRAM-SHA-256$4096:a$b:c"),
        branch.<TokenScope>map(TokenScope.OneBranch::new).orElseGet(TokenScope.TheSystem::new),
        List.of("app", "it's"),
        Set.of(TokenRight.CONNECT, TokenRight.CREATE),
        Optional.of(Instant.parse("2030-01-01T00:00:00Z")),
        Optional.empty(),
        Instant.EPOCH);
  }

  @Test
  void aTokenIsKeptAndWhatOthersDoToItIsHeardOf() throws Exception {
    catalog.switchBaseline(MAIN, SnapshotId.random());
    var row = insert();
    assertThat(catalog.token(new TokenId("k3f9x2"))).isEmpty();
    assertThat(catalog.insertToken(token(Optional.of(row.id())))).isTrue();
    assertThat(catalog.insertToken(token(Optional.empty()))).isFalse();
    assertThat(catalog.tokenAtHand(new TokenId("k3f9x2"))).isEmpty();
    var read = catalog.token(new TokenId("k3f9x2")).orElseThrow();
    assertThat(read.scope()).isEqualTo(new TokenScope.OneBranch(row.id()));
    assertThat(read.roles()).containsExactly("app", "it's");
    assertThat(read.rights()).containsExactlyInAnyOrder(TokenRight.CONNECT, TokenRight.CREATE);
    assertThat(read.expiresAt()).contains(Instant.parse("2030-01-01T00:00:00Z"));

    assertThat(catalog.tokenAtHand(new TokenId("k3f9x2"))).contains(read);
    sql("update token set revoked = true");
    await().until(() -> catalog.tokenAtHand(new TokenId("k3f9x2")).isEmpty());
    await().until(() -> catalog.token(new TokenId("k3f9x2")).orElseThrow().revoked());
    catalog.removeBranch(row.id());
    await().until(() -> catalog.token(new TokenId("k3f9x2")).isEmpty());
  }

  @Test
  void aRotatedTokenHasItsNewVerifierAtOnce() throws Exception {
    var id = new TokenId("k3f9x2");
    catalog.insertToken(token(Optional.empty()));
    catalog.token(id);
    var verifier = new Secret("SCRAM-SHA-256$4096:x$y:z");

    assertThat(catalog.rotateToken(id, verifier, Optional.empty())).isTrue();

    assertThat(catalog.token(id).orElseThrow().verifier()).isEqualTo(verifier);
    assertThat(catalog.token(id).orElseThrow().expiresAt()).isEmpty();
    assertThat(catalog.revokeToken(id)).isTrue();
    assertThat(catalog.rotateToken(id, verifier, Optional.empty())).isFalse();
    assertThat(catalog.rotateToken(new TokenId("none1"), verifier, Optional.empty())).isFalse();
  }

  @Test
  void aTokenForANameNeedsNoBranch() throws Exception {
    var scope = new TokenScope.OneName(new BranchName("dev"));
    var row = token(Optional.empty());
    catalog.insertToken(
        new TokenRow(
            row.id(),
            row.verifier(),
            scope,
            row.roles(),
            row.rights(),
            row.expiresAt(),
            row.revokedAt(),
            row.createdAt()));

    assertThat(catalog.tokens()).extracting(TokenRow::scope).containsExactly(scope);
  }

  @Test
  void whatEndedBeforeIsPrunedByItsRevocationElseItsExpiry() throws Exception {
    var end = Instant.parse("2030-01-01T00:00:00Z");
    catalog.insertToken(token(Optional.empty()));
    var id = new TokenId("k3f9x2");
    assertThat(catalog.pruneTokens(end, Set.of())).isEmpty();
    assertThat(catalog.pruneTokens(end.plusSeconds(1), Set.of(id))).isEmpty();
    sql("update token set revoked = true");
    var revokedAt = catalog.tokens().getFirst().revokedAt().orElseThrow();
    assertThat(revokedAt).isBefore(end);
    assertThat(catalog.pruneTokens(revokedAt, Set.of())).isEmpty();
    assertThat(catalog.pruneTokens(revokedAt.plusSeconds(1), Set.of())).containsExactly(id);
    assertThat(catalog.tokens()).isEmpty();
  }

  @Test
  void aChangeOfContentsIsHeardOfElsewhere() throws Exception {
    var heard = new CopyOnWriteArrayList<Optional<CloneId>>();
    var clone = CloneId.random();
    try (var other = another()) {
      other.onContentsChanged(heard::add);
      catalog.contentsChanged(clone);
      await().until(() -> heard.contains(Optional.of(clone)));
    }
  }

  @Test
  void eventsAreAddedAndNeverChanged() throws Exception {
    catalog.record(new Event("branch.created", "pr-1", "x"));
    await()
        .until(
            () -> {
              try (var connection = server.dataSource().getConnection();
                  var query = connection.createStatement();
                  var rows = query.executeQuery("select from event where subject = 'pr-1'")) {
                return rows.next();
              }
            });
    assertThatThrownBy(() -> sql("delete from event")).hasMessageContaining("never changed");
  }

  @Test
  void whatWasRecordedBeforeItIsClosedIsWritten() throws Exception {
    try (var other = another()) {
      for (int i = 0; i < 200; i++) {
        other.record(new Event("branch.suspended", "last-" + i, "shutdown, ok"));
      }
    }
    try (var connection = server.dataSource().getConnection();
        var query = connection.createStatement();
        var rows =
            query.executeQuery("select count(*) from event where kind = 'branch.suspended'")) {
      assertThat(rows.next()).isTrue();
      assertThat(rows.getInt(1)).isEqualTo(200);
    }
  }

  @Test
  void whileItIsDownTokensInUseWorkAndItComesBackByItself() throws Exception {
    catalog.insertToken(token(Optional.empty()));
    var heard = new CopyOnWriteArrayList<Optional<CloneId>>();
    var last = CloneId.random();
    catalog.onContentsChanged(heard::add);
    catalog.contentsChanged(last);
    await().until(() -> heard.contains(Optional.of(last))); // and so of the token before it
    catalog.token(new TokenId("k3f9x2"));
    assertThat(catalog.isUp()).isTrue();
    server.stop();
    try {
      assertThat(catalog.token(new TokenId("k3f9x2"))).isPresent();
      assertThatThrownBy(() -> catalog.branches())
          .extracting(e -> ((RouteException) e).failure())
          .isInstanceOf(RouteFailure.CatalogUnavailable.class);
      assertThat(catalog.isUp()).isFalse();
    } finally {
      server.start();
    }
    await().atMost(Duration.ofSeconds(30)).until(catalog::isUp);
    assertThat(catalog.branches()).isEqualTo(List.of());
  }
}
