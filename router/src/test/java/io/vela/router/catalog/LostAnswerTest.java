package io.vela.router.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.agent.CloneId;
import io.vela.agent.SnapshotId;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router.BranchSettings;
import io.vela.router.catalog.BranchRow.Phase;
import io.vela.router.route.TokenId;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Each change whose answer is lost after it was made is told as what it was: made. */
@Timeout(120)
class LostAnswerTest {
  private static final BaselineName MAIN = new BaselineName("main");
  private static final BranchName PR = new BranchName("pr-1");
  private static final BranchSettings OWN =
      new BranchSettings(Optional.of(Duration.ofSeconds(7)), Optional.empty(), Optional.empty());
  private static CatalogServer server;
  private static Vertx vertx;
  private static ExecutorService threads;
  private LosingRelay relay;
  private PgCatalog catalog;
  private final SnapshotId snapshot = SnapshotId.random();
  private final CloneId clone = CloneId.random();

  @BeforeAll
  static void start() throws Exception {
    server = new CatalogServer();
    vertx = Vertx.vertx(new VertxOptions());
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
    relay = new LosingRelay(server);
    catalog = PgCatalog.open(vertx, relay.options(), server.dataSource(), threads);
    sql("truncate baseline, snapshot, branch, token, warm_clone, removed_snapshot cascade");
    catalog.switchBaseline(MAIN, snapshot);
  }

  @AfterEach
  void close() throws Exception {
    catalog.close();
    relay.close();
  }

  private static void sql(String statement) throws Exception {
    try (var connection = server.dataSource().getConnection();
        var run = connection.createStatement()) {
      run.execute(statement);
    }
  }

  private static int count(String what) throws Exception {
    try (var connection = server.dataSource().getConnection();
        var query = connection.createStatement();
        var rows = query.executeQuery("select count(*) from " + what)) {
      assertThat(rows.next()).isTrue();
      return rows.getInt(1);
    }
  }

  private BranchRow insert() throws RouteException {
    return catalog.insertBranch(PR, clone, MAIN, snapshot, OWN);
  }

  private void assertLost() {
    assertThat(relay.hasLost()).isTrue();
  }

  @Test
  void ofABranch() throws Exception {
    relay.loseAnswerTo("insert into branch");

    var row = insert();

    assertLost();
    assertThat(catalog.branches()).containsExactly(row);
  }

  @Test
  void ofABranchWhoseNameIsAnothers() throws Exception {
    insert();
    relay.loseAnswerTo("insert into branch");

    assertThatThrownBy(() -> catalog.insertBranch(PR, CloneId.random(), MAIN, snapshot, OWN))
        .extracting(e -> ((RouteException) e).failure())
        .isEqualTo(new RouteFailure.AlreadyExists("branch", "pr-1"));

    assertLost();
  }

  @Test
  void ofAHandOut() throws Exception {
    catalog.warm().insert(clone, MAIN);
    relay.loseAnswerTo("delete from warm_clone");

    var row = catalog.warm().handOut(clone, PR, OWN);

    assertLost();
    assertThat(row).isPresent();
    assertThat(catalog.branches()).containsExactly(row.orElseThrow());
    assertThat(catalog.warm().all()).isEmpty();
  }

  @Test
  void ofAHandOutThatIsTakenBack() throws Exception {
    catalog.warm().insert(clone, MAIN);
    catalog.warm().handOut(clone, PR, OWN);
    relay.loseAnswerTo("undone");

    catalog.warm().takeBack(clone);

    assertLost();
    assertThat(catalog.branches()).isEmpty();
    assertThat(catalog.warm().all()).containsExactly(clone);
  }

  @Test
  void ofAWarmClone() throws Exception {
    relay.loseAnswerTo("insert into warm_clone");

    assertThat(catalog.warm().insert(clone, MAIN)).isEqualTo(snapshot);

    assertLost();
    assertThat(catalog.warm().all()).containsExactly(clone);
  }

  @Test
  void ofAWarmClonesRemoval() throws Exception {
    catalog.warm().insert(clone, MAIN);
    relay.loseAnswerTo("delete from warm_clone");

    catalog.warm().remove(clone);

    assertLost();
    assertThat(catalog.warm().all()).isEmpty();
  }

  @Test
  void ofAPhase() throws Exception {
    var row = insert();
    relay.loseAnswerTo("update branch set phase");

    catalog.setPhase(row.id(), Phase.DELETING);

    assertLost();
    assertThat(catalog.branches()).extracting(BranchRow::phase).containsExactly(Phase.DELETING);
  }

  @Test
  void ofSettings() throws Exception {
    var row = insert();
    relay.loseAnswerTo("update branch set suspend");

    catalog.setSettings(row.id(), BranchSettings.POLICY);

    assertLost();
    assertThat(catalog.branches()).containsExactly(row.with(BranchSettings.POLICY));
  }

  @Test
  void ofABranchsRemoval() throws Exception {
    var row = insert();
    relay.loseAnswerTo("delete from branch");

    catalog.removeBranch(row.id());

    assertLost();
    assertThat(catalog.branches()).isEmpty();
  }

  @Test
  void ofABaselinesNewSnapshot() throws Exception {
    var fresh = SnapshotId.random();
    relay.loseAnswerTo("insert into snapshot");

    assertThat(catalog.switchBaseline(MAIN, fresh).current()).isEqualTo(fresh);

    assertLost();
    assertThat(catalog.baselines()).extracting(BaselineRow::current).containsExactly(fresh);
    assertThat(catalog.snapshots()).hasSize(2);
  }

  @Test
  void ofUnusedSnapshots() throws Exception {
    var fresh = SnapshotId.random();
    catalog.switchBaseline(MAIN, fresh);
    relay.loseAnswerTo("delete from snapshot s");

    assertThat(catalog.removeUnusedSnapshots()).hasSize(1).isEqualTo(catalog.goingSnapshots());

    assertLost();
    assertThat(catalog.snapshots()).extracting(SnapshotRow::id).containsExactly(fresh);
  }

  @Test
  void ofAToken() throws Exception {
    var token = token("k3f9x2", "SCRAM-SHA-256$4096:a$b:c");
    relay.loseAnswerTo("insert into token");

    assertThat(catalog.insertToken(token)).isTrue();

    assertLost();
    assertThat(catalog.tokens()).hasSize(1);
    assertThat(catalog.insertToken(token("k3f9x2", "SCRAM-SHA-256$4096:x$y:z")))
        .as("another one of this id")
        .isFalse();
  }

  private static TokenRow token(String id, String verifier) {
    return new TokenRow(
        new TokenId(id),
        new Secret(verifier),
        new TokenScope.TheSystem(),
        List.of(),
        Set.of(TokenRight.CONNECT),
        Optional.empty(),
        Optional.empty(),
        Instant.EPOCH);
  }

  @Test
  void ofATokensRevocation() throws Exception {
    catalog.insertToken(token("k3f9x2", "SCRAM-SHA-256$4096:a$b:c"));
    relay.loseAnswerTo("update token");

    assertThat(catalog.revokeToken(new TokenId("k3f9x2"))).isTrue();

    assertLost();
    assertThat(catalog.token(new TokenId("k3f9x2")).orElseThrow().revoked()).isTrue();
  }

  @Test
  void ofAnEventWhichIsThereOnce() throws Exception {
    relay.loseAnswerTo("insert into event");

    catalog.record(new Event("branch.created", "lost", "x"));
    await().until(relay::hasLost);
    catalog.record(new Event("branch.created", "lost", "then"));

    await().until(() -> count("event where subject = 'lost' and detail = 'then'") == 1);
    assertThat(count("event where subject = 'lost' and detail = 'x'")).isEqualTo(1);
  }

  @Test
  void eventsOfATimeWithoutCatalogueAreWrittenAfterIt() throws Exception {
    server.kill();
    try {
      for (int i = 0; i < 20; i++) {
        catalog.record(new Event("branch.suspended", "meanwhile", String.valueOf(i)));
      }
    } finally {
      server.start();
    }

    await()
        .atMost(Duration.ofSeconds(30))
        .until(() -> count("event where subject = 'meanwhile'") == 20);
  }

  /** A server that hangs has the statement still, and would carry it out when it goes on. */
  @Test
  void whatWasGivenUpIsNotMadeLaterThanTheNextChangeIsAnswered() throws Exception {
    server.freeze();
    try {
      assertThatThrownBy(this::insert)
          .extracting(e -> ((RouteException) e).failure())
          .isInstanceOf(RouteFailure.CatalogUnavailable.class);
      assertThat(catalog.isUp()).isFalse();
    } finally {
      server.thaw();
    }

    catalog.removeBranch(clone);

    assertThat(catalog.branches()).isEmpty();
    assertThat(count("pg_stat_activity where state = 'active' and query like 'with made%'"))
        .isZero();
    catalog.insertBranch(PR, CloneId.random(), MAIN, snapshot, OWN);
  }

  /** The same where it waits for a lock, as behind a migration. */
  @Test
  void whatWaitsForALockIsEndedBeforeItIsUndone() throws Exception {
    try (var connection = server.dataSource().getConnection();
        var session = connection.createStatement()) {
      connection.setAutoCommit(false);
      session.execute("lock table branch in share mode");
      assertThatThrownBy(this::insert)
          .extracting(e -> ((RouteException) e).failure())
          .isInstanceOf(RouteFailure.CatalogUnavailable.class);

      catalog.settle();

      connection.rollback();
    }
    assertThat(catalog.branches()).isEmpty();
  }

  @Test
  void aServerThatIsKilledUnderAChangeIsAskedAgainWhenItIsBack() throws Exception {
    var row = insert();
    server.kill();
    var restarted =
        threads.submit(
            () -> {
              server.start();
              return true;
            });

    catalog.setPhase(row.id(), Phase.DELETING);

    assertThat(restarted.get()).isTrue();
    assertThat(catalog.branches()).extracting(BranchRow::phase).containsExactly(Phase.DELETING);
  }
}
