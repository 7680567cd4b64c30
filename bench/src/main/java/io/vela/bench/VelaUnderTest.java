package io.vela.bench;

import io.vela.agent.CloneException;
import io.vela.agent.exec.Command;
import io.vela.agent.postgres.RunningProcesses;
import io.vela.cli.CliException;
import io.vela.cli.client.ClientFile;
import io.vela.cli.client.VelaClient;
import io.vela.config.value.Secret;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** {@code vela up} as a process of its own, on a data directory of its own, as users run it. */
final class VelaUnderTest implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofMinutes(3);
  private static final Duration WARM_LIMIT = Duration.ofMinutes(1);
  private static final Duration PARK_LIMIT = Duration.ofMinutes(1);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(60);
  private static final Duration POLL = Duration.ofMillis(2);
  private static final String ROLE = "postgres";

  private final Process process;
  private final Path data;
  private final ClientFile address;
  private final VelaClient rest;
  private final double startMillis;
  private final Token token;
  private final FirstRow.Account account;

  private VelaUnderTest(Process process, Path data, ClientFile address, double startMillis)
      throws CliException {
    this.startMillis = startMillis;
    this.process = process;
    this.data = data;
    this.address = address;
    this.rest = new VelaClient(URI.create(address.http()), address.token());
    var made =
        rest.post(
            "/v1/tokens",
            new JsonObject()
                .put("system", true)
                .put("role", ROLE)
                .put("rights", new JsonArray().add("connect").add("create")));
    this.token = new Token(made.getString("id"), new Secret(made.getString("secret")));
    this.account = new FirstRow.Account(ROLE + "~" + token.id, token.secret);
  }

  /** As users start it, with the launcher's options; without one as it stands on the class path. */
  private static List<String> command() {
    var words = new ArrayList<String>();
    var launcher = System.getenv("VELA_LAUNCHER");
    if (launcher == null) {
      words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      words.add("--enable-native-access=ALL-UNNAMED");
      words.addAll(List.of("-cp", System.getProperty("java.class.path"), "io.vela.cli.Vela"));
    } else {
      words.add(launcher);
    }
    return words;
  }

  /** Starts it and waits until it is ready. */
  static VelaUnderTest start(Path data, Path config, String... options) throws IOException {
    var words = command();
    words.add("up");
    words.addAll(List.of(options));
    words.addAll(List.of("--data", data.toString(), "--config", config.toString()));
    words.addAll(List.of("--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"));
    var output = data.resolveSibling(data.getFileName() + ".log");
    // What an earlier start on the same data said is not to be taken for this one's.
    Files.deleteIfExists(output);
    long begin = System.nanoTime();
    var process = Command.of(words).start(output);
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    while (!Files.readString(output).lines().anyMatch(line -> line.startsWith("ready"))) {
      if (!process.isAlive() || System.nanoTime() > deadline) {
        process.destroy();
        throw new IOException("vela up did not become ready:\n" + Files.readString(output));
      }
      LockSupport.parkNanos(POLL.toNanos());
    }
    double startMillis = (System.nanoTime() - begin) / 1e6;
    var address =
        ClientFile.read(data).orElseThrow(() -> new IOException("vela up wrote no client.json"));
    try {
      return new VelaUnderTest(process, data, address, startMillis);
    } catch (CliException e) {
      process.destroy();
      throw new IOException("no token for the whole system", e);
    }
  }

  /** A client of a branch, with a token for the whole system. */
  FirstRow client(String branch) {
    return new FirstRow(
        new InetSocketAddress(address.listen().host(), address.listen().port()),
        account,
        ROLE + "@" + branch);
  }

  /** The same for pgbench. */
  Pgbench.Server server(String branch) {
    return new Pgbench.Server(
        address.listen().host(),
        address.listen().port(),
        ROLE + "~" + token.id,
        token.secret,
        ROLE + "@" + branch,
        false);
  }

  /** What it shows to clients that want TLS. */
  Peer.Certificate certificate() {
    return new Peer.Certificate(data.resolve("tls/server.crt"), data.resolve("tls/server.key"));
  }

  /** The process's number. */
  long pid() {
    return process.pid();
  }

  /** How long it took from the start of the process to the line {@code ready}, in ms. */
  double startMillis() {
    return startMillis;
  }

  /** What the REST API answers, and how long that took, in ms. */
  double timed(String path) throws CliException {
    long begin = System.nanoTime();
    rest.get(path);
    return (System.nanoTime() - begin) / 1e6;
  }

  /** How long a verb of the command line takes, from the start of its process to its end, in ms. */
  double timedVerb(String... verb) throws IOException, InterruptedException, CloneException {
    var words = command();
    words.addAll(List.of(verb));
    words.addAll(List.of("--data", data.toString()));
    long begin = System.nanoTime();
    var result = Command.of(words).run();
    double millis = (System.nanoTime() - begin) / 1e6;
    if (!result.ok()) {
      throw new IOException(result.problem() + "\n" + result.detail());
    }
    return millis;
  }

  /** Where metrics are. */
  URI metrics() {
    return URI.create(address.http() + "/metrics");
  }

  /** Creates a branch, asleep. */
  void createBranch(String branch, String baseline) throws CliException {
    rest.post("/v1/branches/" + branch, new JsonObject().put("baseline", baseline));
  }

  /** Creates a branch, asleep, and returns its data directory, which nobody else uses meanwhile. */
  Path dataOfNewBranch(String branch, String baseline) throws CliException, IOException {
    createBranch(branch, baseline);
    // It may have been given a warm clone, which runs.
    suspend(branch);
    // Vela shows it to its Postgres by a mount; a bare one goes there by its path.
    Files.setPosixFilePermissions(
        data.resolve("pool/clones"), PosixFilePermissions.fromString("rwx--x--x"));
    return dataOf(branch);
  }

  private Path dataOf(String branch) throws CliException {
    var id = rest.get("/v1/branches/" + branch).getString("id");
    return data.resolve("pool/clones").resolve(id).resolve("data");
  }

  /** The postmaster of a branch that runs, and all its children. */
  List<ProcessHandle> processes(String branch) throws CliException, IOException {
    var postmaster = postmaster(branch).handle();
    return Stream.concat(Stream.of(postmaster), postmaster.descendants()).toList();
  }

  /**
   * The postmaster of a branch that runs. It is told by its working directory, which is its data
   * directory (Postgres source, {@code ChangeToDataDir}), because the paths and the process id that
   * it sees itself may be those of its own namespaces.
   */
  RunningProcesses.Running postmaster(String branch) throws CliException, IOException {
    var directory = dataOf(branch);
    var servers =
        RunningProcesses.list().stream()
            .filter(process -> process.argv().getFirst().endsWith("/postgres"))
            .filter(process -> worksIn(directory, process.handle()))
            .toList();
    var pids = servers.stream().map(server -> server.handle().pid()).toList();
    return servers.stream()
        // A child has its parent's command line until it has put its own title there.
        .filter(server -> server.handle().parent().filter(p -> pids.contains(p.pid())).isEmpty())
        .findFirst()
        .orElseThrow(() -> new IOException(branch + " does not run"));
  }

  private static boolean worksIn(Path directory, ProcessHandle process) {
    try {
      return Files.isSameFile(Path.of("/proc", Long.toString(process.pid()), "cwd"), directory);
    } catch (IOException e) {
      // It has ended meanwhile, or is another user's.
      return false;
    }
  }

  void suspend(String branch) throws CliException {
    rest.post("/v1/branches/" + branch + "/suspend?force=true");
  }

  /** Lets it sleep with its clients connected; refused when one of them cannot be parked. */
  void park(String branch) throws CliException {
    rest.post("/v1/branches/" + branch + "/suspend");
  }

  /** Waits until so many clients of the branch are parked. */
  void awaitParked(String branch, int clients) throws CliException, IOException {
    long deadline = System.nanoTime() + PARK_LIMIT.toNanos();
    while (rest.get("/v1/branches/" + branch).getInteger("parked") != clients) {
      if (System.nanoTime() > deadline) {
        throw new IOException("not all clients of " + branch + " were parked");
      }
      LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
    }
  }

  void delete(String branch) throws CliException {
    rest.delete("/v1/branches/" + branch + "?force=true");
  }

  /** Imports a stopped data directory and waits for the end. */
  void importDirectory(String baseline, Path directory) throws CliException, IOException {
    var operation =
        rest.post(
            "/v1/baselines",
            new JsonObject().put("name", baseline).put("from", "dir:" + directory));
    var path = "/v1/operations/" + operation.getValue("id");
    while (true) {
      var now = rest.get(path);
      switch (now.getString("state")) {
        case "succeeded" -> {
          return;
        }
        case "running" -> LockSupport.parkNanos(Duration.ofMillis(200).toNanos());
        default -> throw new IOException("import failed: " + now.encode());
      }
    }
  }

  /** Waits until the baseline has as many warm clones as it wants. */
  void awaitWarm(String baseline) throws CliException, IOException {
    long deadline = System.nanoTime() + WARM_LIMIT.toNanos();
    while (!isWarm(baseline)) {
      if (System.nanoTime() > deadline) {
        throw new IOException("baseline " + baseline + " has no warm clone");
      }
      LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
    }
  }

  private boolean isWarm(String baseline) throws CliException {
    var all = rest.get("/v1/baselines").getJsonArray("baselines");
    return IntStream.range(0, all.size())
        .mapToObj(all::getJsonObject)
        .filter(view -> view.getString("name").equals(baseline))
        .map(view -> view.getJsonObject("warm"))
        .anyMatch(warm -> warm.getInteger("ready").equals(warm.getInteger("wanted")));
  }

  /** The pool in words. */
  JsonObject pool() throws CliException {
    return rest.get("/v1/pool");
  }

  /** Ends it, also when this thread has been interrupted: its data is removed next. */
  @Override
  public void close() throws IOException {
    boolean interrupted = Thread.interrupted();
    long deadline = System.nanoTime() + STOP_LIMIT.toNanos();
    process.destroy();
    while (process.isAlive()) {
      try {
        if (!process.waitFor(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
          process.destroyForcibly();
          throw new IOException("vela up did not end within " + STOP_LIMIT);
        }
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private record Token(String id, Secret secret) {}
}
