package io.vela.bench;

import io.vela.agent.CloneException;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.postgres.Installation;
import io.vela.agent.postgres.PostgresBinaries;
import io.vela.cli.Subcommand;
import io.vela.config.PostgresConfig;
import io.vela.config.value.ByteSize;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code vela bench}: sets up what it needs, measures, prints a table, and cleans up. */
@CommandLine.Command(
    name = "bench",
    description = "Measures Vela beside bare Postgres, on this machine, in one run.",
    mixinStandardHelpOptions = true)
public final class BenchCommand implements Subcommand {
  /** What can be measured. */
  enum Bench {
    wake,
    create,
    relay,
    connect,
    density,
    parking,
    memory,
    storm,
    branch_speed,
    startup,
    all;

    @Override
    public String toString() {
      return name().replace('_', '-');
    }
  }

  /** Relays are measured with TLS too. */
  private static final String TLS = "--tls-self-signed";

  @Spec private CommandSpec spec;

  @Parameters(
      arity = "0..*",
      description = "What to measure: ${COMPLETION-CANDIDATES}. Default: all.")
  private List<Bench> benches = List.of(Bench.all);

  @Option(names = "--json", description = "Also write the report, each measurement, to this file.")
  private Optional<Path> json = Optional.empty();

  @Option(names = "--runs", description = "Measurements of each figure. Default: ${DEFAULT-VALUE}.")
  private int runs = 15;

  @Option(
      names = "--seconds",
      description = "Length of one run of pgbench. Default: ${DEFAULT-VALUE}.")
  private int seconds = 5;

  @Option(
      names = "--large",
      description = "Size of the large baseline; 0 leaves it out. Default: ${DEFAULT-VALUE}.")
  private String large = "5GB";

  @Option(
      names = "--clients",
      description = "Clients that are parked to see their memory. Default: ${DEFAULT-VALUE}.")
  private int clients = 10_000;

  @Option(
      names = "--peers",
      description = "Measure PgBouncer and HAProxy too; as root, installs them when missing.")
  private boolean peers;

  @Option(
      names = "--work",
      description = "Folder for data, removed at the end. Default: a temporary one.")
  private Optional<Path> work = Optional.empty();

  /** Made anew for each listing of the verbs; does nothing. */
  @SuppressWarnings("NullAway.Init") // picocli sets spec before call()
  public BenchCommand() {}

  @Override
  public Integer call() throws Exception {
    var top =
        work.isPresent()
            ? Files.createDirectories(work.get())
            : Files.createTempDirectory("vela-bench");
    Files.setPosixFilePermissions(top, PosixFilePermissions.fromString("rwxr-xr-x"));
    var stop = new StopOnSignal(Thread.currentThread());
    try {
      measure(top.toAbsolutePath());
      return 0;
    } catch (Exception e) {
      if (stop.isAsked()) {
        say("interrupted");
        return StopOnSignal.EXIT_CODE;
      }
      throw e;
    } finally {
      cleanUp(top.toAbsolutePath());
      stop.cleanedUp();
    }
  }

  private void measure(Path top) throws Exception {
    var user = ServiceUser.resolve(this::say);
    var postgres =
        new PostgresBinaries(List.of(), top.resolve("postgres"))
            .installation(PostgresConfig.DEFAULT.version());
    var config =
        Files.writeString(
            top.resolve("vela.yaml"),
            """
            baselines:
              large:
                branches:
                  create-on-connect: ["large-*"]
              tables100:
                branches:
                  create-on-connect: ["tables100-*"]
              tables10000:
                branches:
                  create-on-connect: ["tables10000-*"]
              warm:
                branches:
                  create-on-connect: ["warm-*"]
                  suspend-after: 1h
                  warm: 1
              reuse:
                branches:
                  suspend-after: 1h
                  reuse-backends: true
              spare:
                branches:
                  suspend-after: 1h
                  spare-backends: 2
              parking:
                branches:
                  suspend-after: 1h
                  park-after: 1s
              main:
                branches:
                  suspend-after: 1h
            """);
    say("starting vela up in " + top);
    try (var vela = VelaUnderTest.start(top.resolve("data"), config, TLS)) {
      var bed =
          new Bed(
              vela, postgres.bin(), user, top, runs, Duration.ofSeconds(seconds), peers, this::say);
      var setting = setting(top, vela, version(postgres));
      var figures = new ArrayList<Figure>();
      try {
        for (var bench : EnumSet.allOf(Bench.class)) {
          if (bench != Bench.all && wants(bench)) {
            say(bench.toString());
            figures.addAll(benchmark(bench).run(bed));
          }
        }
      } finally {
        // Also what was measured before one of them failed or all were interrupted.
        if (!figures.isEmpty()) {
          report(new Report(setting.values(), figures));
        }
      }
    }
  }

  private void report(Report report) throws IOException {
    out().print(report.table());
    out().flush();
    if (json.isPresent()) {
      Files.writeString(json.get(), report.json() + "\n");
    }
  }

  private Benchmark benchmark(Bench bench) {
    return switch (bench) {
      case wake -> new WakeBench();
      case create -> new CreateBench(ByteSize.parse(large));
      case relay -> new RelayBench();
      case connect -> new ConnectBench();
      case density -> new DensityBench();
      case parking -> new ParkingBench(clients);
      case memory -> new MemoryBench();
      case storm -> new StormBench();
      case branch_speed -> new BranchSpeedBench();
      case startup -> new StartupBench();
      case all -> throw new IllegalArgumentException("all is each of the others");
    };
  }

  private static String version(Installation postgres) throws CloneException, InterruptedException {
    return Command.of(postgres.program("postgres").toString(), "--version").run().stdout().strip();
  }

  private boolean wants(Bench bench) {
    return benches.contains(bench) || benches.contains(Bench.all);
  }

  private Setting setting(Path top, VelaUnderTest vela, String postgres) throws Exception {
    var setting = new Setting(top);
    setting.put("postgres", postgres);
    setting.pool(vela.pool());
    setting.put("vela, from start to ready", Math.round(vela.startMillis()) + " ms");
    setting.put("runs", "%d, under load %d s each".formatted(runs, seconds));
    setting.put("large baseline", large.equals("0") ? "left out" : large);
    return setting;
  }

  private static void cleanUp(Path top) throws IOException, InterruptedException {
    // An interrupt that ended the measuring must not end the cleaning.
    boolean interrupted = Thread.interrupted();
    var mounts =
        Files.readAllLines(Path.of("/proc/mounts")).stream()
            .map(line -> line.split(" ", -1)[1])
            .filter(path -> path.startsWith(top + "/"))
            .toList();
    for (var mount : mounts.reversed()) {
      Command.of("umount", mount).run();
    }
    Command.of("rm", "-rf", top.toString()).within(Duration.ofMinutes(5)).run();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void say(String line) {
    spec.commandLine().getErr().println(line);
    spec.commandLine().getErr().flush();
  }

  private PrintWriter out() {
    return spec.commandLine().getOut();
  }
}
