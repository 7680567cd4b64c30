package io.vela.router.catalog;

import static io.vela.router.RouterFixture.failure;
import static io.vela.router.RouterFixture.get;
import static org.assertj.core.api.Assertions.assertThat;

import io.vela.agent.CloneId;
import io.vela.agent.Contents;
import io.vela.agent.Role;
import io.vela.agent.SnapshotId;
import io.vela.config.value.BranchName;
import io.vela.router.FakeCloneService;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.RouterFixture;
import io.vela.router.route.TokenId;
import io.vertx.core.Vertx;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.MigrationVersion;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A catalogue that an earlier Vela wrote, at migration V4, under the newest one. */
@Timeout(120)
class UpgradeTest {
  private static final String VERIFIER = "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy";

  private final FakeCloneService agent = new FakeCloneService();
  private final SnapshotId snapshot = SnapshotId.random();
  private final CloneId clone = CloneId.random();
  private CatalogServer server;
  private Vertx vertx;
  private ExecutorService threads;

  @BeforeEach
  void aCatalogueOfThen() throws Exception {
    server = new CatalogServer();
    vertx = Vertx.vertx();
    threads = Executors.newVirtualThreadPerTaskExecutor();
    Flyway.configure()
        .dataSource(server.dataSource())
        .locations("classpath:db/migration")
        .target(MigrationVersion.fromVersion("4"))
        .load()
        .migrate();
    sql(
        """
        begin;
        insert into baseline (name, snapshot) values ('main', '%1$s');
        insert into snapshot (id, baseline) values ('%1$s', 'main');
        insert into branch (name, clone, snapshot, baseline, phase, suspend_after_ms, on_idle)
          values ('pr-1', '%2$s', '%1$s', 'main', 'ready', 7000, 'stay-awake');
        commit;
        """
            .formatted(snapshot, clone));
    agent.snapshots.add(snapshot);
    agent.clones.add(clone);
  }

  @AfterEach
  void stop() throws Exception {
    vertx.close().toCompletionStage().toCompletableFuture().get();
    threads.shutdownNow();
    server.close();
  }

  private void sql(String statement) throws Exception {
    try (var connection = server.dataSource().getConnection();
        var run = connection.createStatement()) {
      run.execute(statement);
    }
  }

  /** As V4 wrote them: with no role of its own a token was good for every one. */
  private void token(String id, String branch, String baseline, String roles, String rights)
      throws Exception {
    sql(
        "insert into token (id, verifier, branch, baseline, roles, rights) values"
            + " ('%s', '%s', (select id from branch where name = %s), %s, '{%s}', '{%s}')"
                .formatted(id, VERIFIER, branch, baseline, roles, rights));
  }

  private PgCatalog upgraded() throws Exception {
    return PgCatalog.open(vertx, server.options(), server.dataSource(), threads);
  }

  private static boolean letsIn(RouterFixture vela, String user, String database) throws Exception {
    try {
      var target = get(vela.locate(user, database));
      assertThat(get(vela.router.role(target)).flatMap(Role::password)).isPresent();
      return true;
    } catch (RouteException e) {
      assertThat(e.failure())
          .isInstanceOfAny(RouteFailure.BadToken.class, RouteFailure.NotGranted.class);
      return false;
    }
  }

  @Test
  void branchesAreThereWithTheirSettings() throws Exception {
    try (var catalog = upgraded();
        var vela = new RouterFixture(agent, catalog)) {
      var branch = vela.router.branch(new BranchName("pr-1"));
      assertThat(branch.state()).isEqualTo("suspended");
      assertThat(branch.suspendAfter()).hasSeconds(7);
      assertThat(branch.parking().onIdle()).hasToString("stay-awake");
      assertThat(branch.maxBytes()).hasToString("50%");
      assertThat(vela.router.quarantine()).isEmpty();
    }
  }

  @Test
  void aTokenOfABranchIsGoodForItsOrdinaryRoleAndNoOther() throws Exception {
    token("anyrole", "'pr-1'", "null", "", "connect");
    token("ofbase", "null", "'main'", "", "connect,create");
    token("named", "'pr-1'", "null", "reporter", "connect");
    for (int start = 0; start < 2; start++) {
      try (var catalog = upgraded();
          var vela = new RouterFixture(agent, catalog)) {
        for (var id : List.of("anyrole", "ofbase")) {
          assertThat(letsIn(vela, "app~" + id, "app@pr-1")).isTrue();
          assertThat(letsIn(vela, "postgres~" + id, "app@pr-1")).isFalse();
          assertThat(letsIn(vela, "reporter~" + id, "app@pr-1")).isFalse();
        }
        assertThat(letsIn(vela, "reporter~named", "app@pr-1")).isTrue();
        assertThat(letsIn(vela, "app~named", "app@pr-1")).isFalse();
      }
    }
  }

  @Test
  void aTokenOfTheSystemAdministersAndConnectsNoLonger() throws Exception {
    token("system", "null", "null", "", "connect,create,admin");
    token("visitor", "null", "null", "", "connect");
    try (var catalog = upgraded();
        var vela = new RouterFixture(agent, catalog)) {
      for (var user : List.of("app~system", "postgres~system", "app~visitor")) {
        assertThat(letsIn(vela, user, "app@pr-1")).isFalse();
      }
      assertThat(catalog.token(new TokenId("system")).orElseThrow().rights())
          .containsExactly(TokenRight.ADMIN);
      assertThat(catalog.token(new TokenId("visitor")).orElseThrow().revoked()).isTrue();
    }
  }

  @Test
  void whereThereIsOnlyASuperuserItIsRevoked() throws Exception {
    token("anyrole", "'pr-1'", "null", "", "connect");
    var all = agent.contents;
    agent.contents =
        new Contents(
            all.major(),
            all.superuser(),
            all.roles().stream().filter(Role::superuser).toList(),
            all.databases());
    try (var catalog = upgraded();
        var vela = new RouterFixture(agent, catalog)) {
      assertThat(failure(vela.locate("postgres~anyrole", "app@pr-1")))
          .isInstanceOf(RouteFailure.BadToken.class);
      assertThat(catalog.token(new TokenId("anyrole")).map(TokenRow::revoked))
          .isEqualTo(Optional.of(true));
    }
  }
}
