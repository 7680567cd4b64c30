package io.vela.router;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.agent.CloneId;
import io.vela.agent.Source;
import io.vela.config.VelaConfig;
import io.vela.config.value.BranchName;
import io.vela.router.Router.BranchSettings;
import io.vela.router.branch.Scheduler;
import io.vela.router.catalog.BranchRow;
import io.vela.router.catalog.CatalogServer;
import io.vela.router.catalog.PgCatalog;
import io.vertx.core.Vertx;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A router whose catalogue, a real one, is lost in the middle of a change. */
@Timeout(180)
class LostCatalogTest {
  private static final BranchName PR = new BranchName("pr-1");
  private static final Duration BOUND = Duration.ofSeconds(30);

  private final CatalogServer server;
  private final Vertx vertx = Vertx.vertx();
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
  private final FakeCloneService agent = new FakeCloneService();
  private final PgCatalog catalog;
  private final LocalRouter router;

  LostCatalogTest() throws Exception {
    server = new CatalogServer();
    catalog = PgCatalog.open(vertx, server.options(), server.dataSource(), threads);
    router =
        new LocalRouter(
            () -> VelaConfig.defaults(Path.of("/none")),
            agent,
            catalog,
            Scheduler.of(timer, Clock.systemUTC()),
            new SimpleMeterRegistry(),
            threads);
  }

  @BeforeEach
  void open() throws Exception {
    router.open();
    router.ensureBaseline(VelaConfig.MAIN, new Source.Empty(18, List.of()));
  }

  @AfterEach
  void close() throws Exception {
    router.close();
    timer.shutdownNow();
    threads.shutdownNow();
    vertx.close().toCompletionStage().toCompletableFuture().get();
    server.close();
  }

  private Future<Optional<RouteFailure>> creating() {
    return threads.submit(this::create);
  }

  private Optional<RouteFailure> create() throws InterruptedException {
    try {
      router.createBranch(PR, VelaConfig.MAIN, BranchSettings.POLICY);
      return Optional.empty();
    } catch (RouteException e) {
      return Optional.of(e.failure());
    }
  }

  private boolean isThere() {
    return router.branches().stream().anyMatch(branch -> branch.name().equals(PR));
  }

  /** The name is there for all, or free for all; and so is what is on disk. */
  private void assertAgreed() throws Exception {
    if (!isThere()) {
      await().atMost(BOUND).until(() -> create().isEmpty());
    }
    assertThat(create()).contains(new RouteFailure.AlreadyExists("branch", "pr-1"));
    router.branch(PR);
    await()
        .atMost(BOUND)
        .untilAsserted(
            () -> {
              var rows = new HashSet<CloneId>();
              for (var row : catalog.branches()) {
                assertThat(row.phase()).isEqualTo(BranchRow.Phase.READY);
                rows.add(row.cloneId());
              }
              assertThat(rows).hasSize(1);
              assertThat(agent.clones).isEqualTo(rows);
            });
    router.delete(PR, false);
    assertThat(catalog.branches()).isEmpty();
    assertThat(create()).isEmpty();
  }

  /** Ten seconds in which it is there and does not answer. */
  @Test
  void whenItHangsDuringACreateTheNameIsThereOrFreeAfterwards() throws Exception {
    var hold = agent.hold("createClone");
    var created = creating();
    await().until(() -> agent.count("createClone") == 1);
    server.freeze();
    Optional<RouteFailure> outcome;
    try {
      hold.countDown();
      outcome = created.get();
    } finally {
      server.thaw();
    }

    assertThat(outcome).get().isInstanceOf(RouteFailure.CatalogUnavailable.class);
    assertAgreed();
  }

  @Test
  void whenItIsKilledDuringACreateAndComesBackTheBranchIsThere() throws Exception {
    var hold = agent.hold("createClone");
    var created = creating();
    await().until(() -> agent.count("createClone") == 1);
    server.kill();
    hold.countDown();
    server.start();

    assertThat(created.get()).isEmpty();
    assertAgreed();
  }

  @Test
  void whenItIsAwayForLongDuringACreateTheNameIsFreeAfterwards() throws Exception {
    var hold = agent.hold("createClone");
    var created = creating();
    await().until(() -> agent.count("createClone") == 1);
    server.kill();
    hold.countDown();
    assertThat(created.get()).get().isInstanceOf(RouteFailure.CatalogUnavailable.class);
    server.start();

    assertAgreed();
  }

  @Test
  void aDeletionThatWasRefusedLeavesABranchThatTheNextStartKeeps() throws Exception {
    assertThat(create()).isEmpty();
    server.freeze();
    try {
      assertThat(threads.submit(this::delete).get())
          .get()
          .isInstanceOf(RouteFailure.CatalogUnavailable.class);
    } finally {
      server.thaw();
    }

    assertThat(isThere()).isTrue();
    await()
        .atMost(BOUND)
        .until(
            () ->
                catalog.branches().stream().allMatch(row -> row.phase() == BranchRow.Phase.READY));
    assertAgreed();
  }

  private Optional<RouteFailure> delete() throws InterruptedException {
    try {
      router.delete(PR, false);
      return Optional.empty();
    } catch (RouteException e) {
      return Optional.of(e.failure());
    }
  }
}
