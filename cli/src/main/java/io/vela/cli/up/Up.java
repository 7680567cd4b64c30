package io.vela.cli.up;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.vela.admin.AdminServer;
import io.vela.admin.Health;
import io.vela.admin.MetricsPage;
import io.vela.agent.CloneException;
import io.vela.agent.LocalCloneService;
import io.vela.agent.Source;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.postgres.ClusterSupervisor;
import io.vela.agent.postgres.LocalCluster;
import io.vela.agent.postgres.PostgresBinaries;
import io.vela.agent.storage.PoolOpener;
import io.vela.agent.storage.ReachablePath;
import io.vela.agent.storage.StorageDrivers;
import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.config.ConfigException;
import io.vela.config.ListenerConfig;
import io.vela.config.LiveConfig;
import io.vela.config.VelaConfig;
import io.vela.config.value.HostPort;
import io.vela.config.value.UntrustedText;
import io.vela.proxy.ProxyServer;
import io.vela.proxy.net.TransportException;
import io.vela.proxy.tls.TlsException;
import io.vela.router.LocalRouter;
import io.vela.router.RouteException;
import io.vela.router.Router;
import io.vela.router.branch.Scheduler;
import io.vela.router.catalog.Catalog;
import io.vela.router.catalog.PgCatalog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The composition root: makes every part, gives each what it needs, and ends them in order. */
final class Up {
  private static final Logger log = LoggerFactory.getLogger(Up.class);
  private static final Duration CATALOG_START = Duration.ofSeconds(60);
  private static final Set<String> ANY_ADDRESS = Set.of("0.0.0.0", "::");

  private final Terminal terminal;
  private final VelaConfig config;
  private final LiveConfig live;
  private final Reload.Reader reader;
  private final Special special;
  private final Consumer<String> say;

  /**
   * What is not done as usual.
   *
   * @param demo whether to fill a new baseline
   * @param rehearse whether to serve one client of its own when ready
   * @param parkAlways see {@link ProxyServer#start}
   */
  record Special(boolean demo, boolean rehearse, boolean parkAlways) {}

  /**
   * @param config to start with
   * @param reader reads the configuration again
   * @param special what is not done as usual
   */
  Up(Terminal terminal, VelaConfig config, Reload.Reader reader, Special special) {
    this.terminal = terminal;
    this.config = config;
    this.live = new LiveConfig(config);
    this.reader = reader;
    this.special = special;
    this.say =
        line -> {
          terminal.out().println(line);
          log.info("said line=\"{}\"", line);
        };
  }

  /**
   * Runs until the process is told to stop.
   *
   * @return the exit code
   */
  int run(StopSignal stop) throws CliException, InterruptedException {
    try {
      return runToTheEnd(stop);
    } catch (CliException | InterruptedException e) {
      // Told to stop before it was ready: what was being started failed because of that.
      if (stop.isAsked()) {
        log.info("stopped while starting cause=\"{}\"", e.toString());
        return 0;
      }
      throw e;
    }
  }

  private int runToTheEnd(StopSignal stop) throws CliException, InterruptedException {
    try (var parts = new Parts()) {
      start(parts, stop);
      stop.await();
      log.info("stopping");
      return 0;
    } catch (CloneException e) {
      throw told(e.failure().message(), e.failure().detail(), e.failure().hint(), e);
    } catch (RouteException e) {
      throw told(e.failure().message(), e.failure().diagnosis(), e.failure().hint(), e);
    } catch (IOException | TransportException | TlsException e) {
      throw new CliException(String.valueOf(e.getMessage()), "", e);
    }
  }

  private void start(Parts parts, StopSignal stop)
      throws CliException,
          CloneException,
          RouteException,
          IOException,
          TransportException,
          TlsException,
          InterruptedException {
    parts.add("lock", DataLock.take(config.data()));
    log.info("starting data={} pid={}", config.data(), ProcessHandle.current().pid());
    var user = ServiceUser.resolve(say);
    // Before all that makes a path: what is below a closed folder has another one from here on.
    var data = new ReachablePath(user, say).reachable(config.data());
    var binaries =
        new PostgresBinaries(
            config.postgres().searchPath(), data.resolve("postgres"), unpackedByTheBuild(user));
    var run = passage(data.resolve("run"));
    var threads = Executors.newVirtualThreadPerTaskExecutor();
    parts.add("threads", threads::shutdownNow);
    var metrics = new MetricsPage();
    var health = new Health(metrics.meters(), threads);
    LocalCloneService agent;
    Catalog catalog;
    try (var tasks = new StartupTasks()) {
      var opening =
          tasks.begin(
              () ->
                  catalog(
                      parts,
                      data,
                      run,
                      binaries,
                      ServiceUser.ofTheCatalogue(say),
                      threads,
                      health,
                      metrics));
      var pool = new PoolOpener(StorageDrivers.all(), user, say).open(config.pool(), data);
      health.add("pool", new PoolHealth(pool.root()));
      agent = LocalCloneService.open(pool, binaries, user, run, config.postgres());
      parts.add("agent", agent);
      var isolation = new IsolationHealth(agent.isolation());
      say.accept("isolation of branches: " + isolation.told());
      health.add("isolation", isolation.measured(metrics.meters()));
      catalog = StartupTasks.result(opening);
    }
    var timer =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("vela-timer").factory());
    parts.add("timer", timer::shutdownNow);
    var router =
        new LocalRouter(
            live,
            agent,
            catalog,
            Scheduler.of(timer, Clock.systemUTC()),
            metrics.meters(),
            threads);
    parts.add("router", router);
    router.open();
    var main = baseline(router);
    var descriptors = DescriptorBudget.ofThisProcess();
    UnaryOperator<List<ListenerConfig>> bounded =
        listeners -> descriptors.map(some -> some.share(listeners)).orElse(listeners);
    var proxy =
        ProxyServer.start(
            bounded.apply(config.listen()),
            config.limits(),
            config.network(),
            router,
            metrics.meters(),
            new KeptSecret(config.data()).read(),
            special.parkAlways());
    parts.add("proxy", () -> proxy.close(live.get().limits().drainTimeout()));
    stop.onHurry(proxy::hurry);
    var reload = new Reload(reader, live, router, proxy, bounded);
    stop.onHangup(() -> reloadOnSignal(reload));
    var listen =
        new HostPort(
            config.listen().getFirst().address().host(), proxy.addresses().getFirst().getPort());
    health.add("listeners", new ListenersHealth(proxy));
    var http = descriptors.map(some -> some.share(config.http())).orElse(config.http());
    var admin = AdminServer.start(http, router, metrics, listen, reload::run, health);
    parts.add("admin", admin);
    var token =
        new AdminToken(router, config.data(), "http://" + reachable(admin.address()), listen, say);
    router.onTokenRotated(token::rotated);
    token.keep();
    var ready = new ReadyLine(router, reachable(listen), say).print(main);
    log.info("ready listen={} http={}", listen, admin.address());
    terminal.out().println(ready);
    terminal.out().flush();
    if (special.rehearse()) {
      new Rehearsal(reachable(listen), router.mintToken(Rehearsal.token())).run();
      terminal.out().println("rehearsed");
    }
  }

  private void reloadOnSignal(Reload reload) {
    try {
      var change = reload.run();
      change
          .needRestart()
          .forEach(section -> say.accept("changed, but in force only after a restart: " + section));
      change.problems().forEach(problem -> say.accept("not applied: " + problem));
    } catch (ConfigException e) {
      say.accept("the configuration cannot be used; nothing has changed:\n" + e.getMessage());
    }
  }

  private Catalog catalog(
      Parts parts,
      Path data,
      Path run,
      PostgresBinaries binaries,
      ServiceUser user,
      ExecutorService threads,
      Health health,
      MetricsPage metrics)
      throws CloneException, RouteException, IOException, InterruptedException {
    try (var tasks = new StartupTasks()) {
      var opening =
          tasks.begin(
              () -> {
                var vertx = CatalogDatabase.vertx();
                parts.add(
                    "vertx",
                    // A server that accepts and says nothing would keep it for ever.
                    () -> vertx.close().toCompletionStage().toCompletableFuture().get(10, SECONDS));
                return vertx;
              });
      var database = database(parts, data, run, binaries, user, threads);
      var vertx = StartupTasks.result(opening);
      var catalog = PgCatalog.open(vertx, database.client(), database.jdbc(), threads);
      health.add(
          "catalogue",
          new CatalogHealth(catalog, database.supervisor()).countRestarts(metrics.meters()));
      return catalog;
    }
  }

  /** What {@code ./vela} unpacked when it built, if the user that runs Postgres can reach it. */
  private List<Path> unpackedByTheBuild(ServiceUser user) throws InterruptedException {
    var folder = terminal.variable("VELA_POSTGRES").map(Path::of);
    return folder.isPresent() && user.canReach(folder.get()) ? List.of(folder.get()) : List.of();
  }

  private CatalogDatabase database(
      Parts parts,
      Path data,
      Path run,
      PostgresBinaries binaries,
      ServiceUser user,
      Executor threads)
      throws CloneException, IOException, InterruptedException {
    if (config.catalogUrl().isPresent()) {
      return CatalogDatabase.at(config.catalogUrl().get());
    }
    var folder = passage(data.resolve("catalog"));
    var major = CatalogDatabase.major(folder).orElse(config.postgres().version());
    var installation = binaries.installation(major);
    Callable<LocalCluster> opening =
        () -> LocalCluster.open(folder, run.resolve("catalog"), installation, user, CATALOG_START);
    var cluster =
        LocalCluster.open(folder, run.resolve("catalog"), installation, user, CATALOG_START);
    var supervisor =
        ClusterSupervisor.watch(
            "catalogue", cluster, opening, config.limits().stopTimeout(), threads);
    parts.add("catalogue", supervisor::stop);
    return CatalogDatabase.of(cluster, supervisor);
  }

  // A folder that the service user may pass through and not list.
  private static Path passage(Path folder) throws IOException {
    Files.createDirectories(folder);
    return Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx--x--x"));
  }

  private Router.BaselineView baseline(Router router) throws RouteException, InterruptedException {
    for (var baseline : router.baselines()) {
      if (baseline.name().equals(VelaConfig.MAIN)) {
        if (special.demo()) {
          say.accept("the baseline main is there already; --demo fills only a new one");
        }
        return baseline;
      }
    }
    say.accept(
        special.demo()
            ? "filling the baseline main with the demo"
            : "making the empty baseline main");
    return router.importBaseline(
        VelaConfig.MAIN,
        new Source.Empty(
            config.postgres().version(), special.demo() ? DemoSeed.scripts() : java.util.List.of()),
        _ -> {});
  }

  // An address that means all of the host's own is not one to connect to.
  private static HostPort reachable(HostPort address) {
    return ANY_ADDRESS.contains(address.host())
        ? new HostPort("127.0.0.1", address.port())
        : address;
  }

  private static CliException told(String message, String detail, String hint, Exception cause) {
    var told = new UntrustedText(detail.isEmpty() ? message : message + "\n" + detail);
    return new CliException(told.forAdministrator(), hint, cause);
  }
}
