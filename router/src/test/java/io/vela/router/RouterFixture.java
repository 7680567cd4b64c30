package io.vela.router;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.agent.Source;
import io.vela.config.BranchPolicy;
import io.vela.config.LimitsConfig;
import io.vela.config.PoolConfig;
import io.vela.config.RunningLimits;
import io.vela.config.VelaConfig;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.ByteSize;
import io.vela.router.SessionRouter.SessionLabel;
import io.vela.router.branch.BranchLease;
import io.vela.router.catalog.Catalog;
import io.vela.router.route.BranchAddressParser;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** A router over a fake agent and a fake catalogue, with a baseline {@code main}. */
public final class RouterFixture implements AutoCloseable {
  public final FakeCloneService agent;
  public final FakeCatalog catalog;
  private final AtomicInteger atWork = new AtomicInteger();
  public final ManualTime time = new ManualTime(this::isAtRest);
  public final MeterRegistry registry;
  public final LocalRouter router;
  private final ExecutorService threads = Executors.newThreadPerTaskExecutor(this::thread);
  private final AtomicLong sessions = new AtomicLong();

  public RouterFixture() throws Exception {
    this(new SimpleMeterRegistry());
  }

  public RouterFixture(MeterRegistry registry) throws Exception {
    this(new FakeCloneService(), new FakeCatalog(), registry);
    router.ensureBaseline(VelaConfig.MAIN, new Source.Empty(18, List.of()));
  }

  /** A Vela that starts over what an earlier one left. */
  public RouterFixture(FakeCloneService agent, FakeCatalog catalog) throws RouteException {
    this(agent, catalog, new SimpleMeterRegistry());
  }

  private Thread thread(Runnable task) {
    atWork.incrementAndGet();
    return Thread.ofVirtual()
        .unstarted(
            () -> {
              try {
                task.run();
              } finally {
                atWork.decrementAndGet();
              }
            });
  }

  /** Whether nothing goes on but what waits for time to pass or for somebody. */
  public boolean isAtRest() {
    return atWork.get() == 0;
  }

  /** What is in force; a test may change it. */
  public volatile VelaConfig config = inASmallPool(VelaConfig.defaults(Path.of("/none")));

  /** The fake pool has some hundred bytes. */
  private static VelaConfig inASmallPool(VelaConfig config) {
    return config.withPool(
        new PoolConfig("auto", Optional.empty(), config.pool().loopSize(), new ByteSize(100)));
  }

  private RouterFixture(FakeCloneService agent, FakeCatalog catalog, MeterRegistry registry)
      throws RouteException {
    this(agent, catalog, catalog, registry);
  }

  /** A Vela that starts over what an earlier one left, with a real catalogue. */
  public RouterFixture(FakeCloneService agent, Catalog catalog) throws RouteException {
    this(agent, new FakeCatalog(), catalog, new SimpleMeterRegistry());
  }

  private RouterFixture(
      FakeCloneService agent, FakeCatalog unused, Catalog catalog, MeterRegistry registry)
      throws RouteException {
    this.registry = registry;
    this.agent = agent;
    this.catalog = unused;
    this.router = new LocalRouter(() -> config, agent, catalog, time, registry, threads);
    router.open();
  }

  /** From now on at most so many instances start at once. */
  public void limitStarts(int most) {
    var old = config.limits();
    reconfigure(
        config.baselines(),
        new LimitsConfig(
            old.wakeTimeout(),
            old.stopTimeout(),
            old.authenticationTimeout(),
            old.drainTimeout(),
            most,
            old.startupHold(),
            old.connections()));
  }

  /** From now on at most so many instances run. */
  public void limitRunning(int most) {
    var old = config.limits();
    reconfigure(
        config.baselines(),
        new LimitsConfig(
            old.wakeTimeout(),
            old.stopTimeout(),
            old.authenticationTimeout(),
            old.drainTimeout(),
            old.startConcurrency(),
            old.startupHold(),
            old.connections(),
            new RunningLimits(Optional.of(most), Optional.empty()),
            old.deletion()));
  }

  /** From now on this is the policy of {@code main}. */
  public void policy(BranchPolicy policy) {
    reconfigure(Map.of(VelaConfig.MAIN, policy), config.limits());
  }

  private void reconfigure(Map<BaselineName, BranchPolicy> baselines, LimitsConfig limits) {
    var old = config;
    config =
        new VelaConfig(
            old.listen(),
            old.http(),
            old.data(),
            old.pool(),
            old.postgres(),
            old.catalogUrl(),
            baselines,
            limits,
            old.network());
    router.reconfigured();
  }

  public Target target(String user, String database) throws Exception {
    return get(locate(user, database));
  }

  public CompletionStage<Target> locate(String user, String database) throws Exception {
    return router.locate(
        BranchAddressParser.parse(
            Map.of("user", user, "database", database), Optional.empty(), Optional.empty()));
  }

  public CompletableFuture<BranchLease> ask(String branch) throws Exception {
    return router.lease(target("app", "app@" + branch), label("psql"));
  }

  public BranchLease lease(String branch) throws Exception {
    return get(ask(branch));
  }

  /** A client that has connected and wants nothing. */
  public FakeSession connect(String branch) throws Exception {
    return connect("app", branch);
  }

  /** The same as somebody. */
  public FakeSession connect(String user, String branch) throws Exception {
    var id = sessions.incrementAndGet();
    var session = new FakeSession(new SessionLabel(id, "app " + id), time.clock());
    router.began(new BranchName(branch), session);
    session.attach(get(router.lease(target(user, "app@" + branch), session)));
    return session;
  }

  /** Its client sends something: it gets a backend. */
  public void wake(String branch, FakeSession session) throws Exception {
    session.attach(get(router.lease(target("app", "app@" + branch), session)));
  }

  public String state(String branch) throws RouteException {
    return router.branch(new BranchName(branch)).state();
  }

  public BranchSession label(String description) {
    return BranchSession.fleeting(new SessionLabel(sessions.incrementAndGet(), description));
  }

  /** The result, or the exception as it was thrown; bounded. */
  public static <T> T get(CompletionStage<T> stage) throws Exception {
    try {
      return stage.toCompletableFuture().get(20, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof Exception cause ? cause : e;
    } catch (TimeoutException e) {
      throw new AssertionError("nothing came within 20 s", e);
    }
  }

  public static RouteFailure failure(CompletionStage<?> stage) throws Exception {
    try {
      get(stage);
    } catch (RouteException e) {
      return e.failure();
    }
    throw new AssertionError("did not fail");
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
