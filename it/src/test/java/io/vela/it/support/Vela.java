package io.vela.it.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/** {@code vela up} as a process of its own, on a data directory of its own. */
public final class Vela implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofSeconds(90);
  private static final List<String> LEAKS = List.of("-Dio.netty.leakDetection.level=paranoid");
  private static final Pattern READY =
      Pattern.compile("(?m)^ready.*@(127\\.0\\.0\\.1|localhost):(\\d+)/");

  private final Path data;
  private final Run.Started up;
  private final int port;
  private Optional<Login> superuser = Optional.empty();

  private Vela(Path data, Run.Started up, int port) {
    this.data = data;
    this.up = up;
    this.port = port;
  }

  /** The JVM command that runs a verb of the CLI as the distribution's launcher would. */
  private static List<String> command(List<String> jvm, List<String> words) {
    return command(System.getProperty("java.class.path"), jvm, words);
  }

  private static List<String> command(String classPath, List<String> jvm, List<String> words) {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC"));
    command.addAll(jvm);
    command.addAll(List.of("-cp", classPath, "io.vela.cli.Vela"));
    command.addAll(words);
    return command;
  }

  /** Starts on a data directory, which may hold what an earlier Vela left. */
  public static Vela start(Path data, String... options) {
    return start(Map.of(), data, options);
  }

  /** Starts with additions to the environment. */
  public static Vela start(Map<String, String> environment, Path data, String... options) {
    var words = new ArrayList<>(List.of("up", "--data", data.toString()));
    var given = List.of(options);
    if (!given.contains("--listen")) {
      words.addAll(List.of("--listen", "127.0.0.1:0"));
    }
    if (!given.contains("--http")) {
      words.addAll(List.of("--http", "127.0.0.1:0"));
    }
    words.addAll(given);
    return start(environment, data, words);
  }

  /** Starts with the listeners that a configuration file has. */
  public static Vela startAsConfigured(Path data, Path config, String... options) {
    var words = new ArrayList<>(List.of("up", "--data", data.toString()));
    words.addAll(List.of("--config", config.toString(), "--http", "127.0.0.1:0"));
    words.addAll(List.of(options));
    return start(Map.of(), data, words);
  }

  /** Starts as a process that may have so many file descriptors (RLIMIT_NOFILE). */
  public static Vela startWithDescriptors(int limit, Path data, Path config) {
    var words = List.of("up", "--data", data.toString(), "--config", config.toString());
    var command =
        new ArrayList<>(List.of("bash", "-c", "ulimit -n " + limit + "; exec \"$@\"", "-"));
    command.addAll(command(LEAKS, words));
    return await(data, Run.start(Map.of(), command));
  }

  /** Starts as an ordinary user on a data directory that does not exist yet. */
  public static Vela startAs(OrdinaryUser user, Path data) throws IOException {
    user.makeOwn(data);
    var words = List.of("up", "--data", data.toString());
    var listeners = List.of("--listen", "127.0.0.1:0", "--http", "127.0.0.1:0");
    var all = Stream.concat(words.stream(), listeners.stream()).toList();
    var classPath = user.readable(System.getProperty("java.class.path"));
    return await(data, Run.start(Map.of(), user.command(command(classPath, LEAKS, all))));
  }

  private static Vela start(Map<String, String> environment, Path data, List<String> words) {
    // As a login shell would: tests may themselves run where these are ignored.
    var command = new ArrayList<>(List.of("env", "--default-signal=HUP,INT"));
    command.addAll(command(LEAKS, words));
    return await(data, Run.start(environment, command));
  }

  private static Vela await(Path data, Run.Started up) {
    try {
      Awaitility.await()
          .atMost(START_LIMIT)
          .pollInterval(Duration.ofMillis(20))
          .until(() -> !up.process().isAlive() || READY.matcher(Files.readString(up.out())).find());
      var said = Files.readString(up.out());
      var ready = READY.matcher(said);
      if (!ready.find()) {
        throw new AssertionError("vela up ended\n" + said + Files.readString(up.err()));
      }
      return new Vela(data, up, Integer.parseInt(ready.group(2)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The port where Postgres clients connect. */
  public int port() {
    return port;
  }

  /** The data directory. */
  public Path data() {
    return data;
  }

  /** The process id. */
  public long pid() {
    return up.process().pid();
  }

  /** What {@code up} printed so far. */
  public String said() {
    try {
      return Files.readString(up.out()) + Files.readString(up.err());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Runs a verb that needs no Vela. */
  public static Run.Outcome program(String... words) {
    return Run.program(Map.of(), command(List.of(), List.of(words)));
  }

  /** Starts a verb that needs no Vela, as a terminal would: in a process group of its own. */
  public static Run.Started startProgram(String... words) {
    var command = new ArrayList<>(List.of("setsid", "env", "--default-signal=HUP,INT"));
    command.addAll(command(List.of(), List.of(words)));
    return Run.start(Map.of(), command);
  }

  /** Runs a verb against this Vela. */
  public Run.Outcome cli(String... words) {
    return Run.program(Map.of("VELA_DATA", data.toString()), command(List.of(), List.of(words)));
  }

  /** Runs a verb with this environment, which says which Vela. */
  public Run.Outcome cli(Map<String, String> environment, String... words) {
    return Run.program(environment, command(List.of(), List.of(words)));
  }

  /** Starts a verb against this Vela. */
  public Run.Started startCli(String... words) {
    return Run.start(Map.of("VELA_DATA", data.toString()), command(List.of(), List.of(words)));
  }

  /** Runs psql with a connection string's words and SQL. */
  public Run.Outcome psql(String user, String password, String database, String... arguments) {
    var command =
        new ArrayList<>(
            List.of(
                Machine.psql(),
                "-XAtq",
                "host=localhost port=" + port + " user=" + user + " dbname=" + database));
    command.addAll(List.of(arguments));
    return Run.program(Map.of("PGPASSWORD", password, "PGCONNECT_TIMEOUT", "60"), command);
  }

  /** Connects with pgjdbc. */
  public Connection connect(String user, String password, String database) throws SQLException {
    return connect(user, password, database, Map.of());
  }

  /** Connects with pgjdbc and driver properties. */
  public Connection connect(
      String user, String password, String database, Map<String, String> properties)
      throws SQLException {
    var all = new Properties();
    all.putAll(properties);
    all.setProperty("user", user);
    all.setProperty("password", password);
    all.putIfAbsent("sslmode", "disable");
    return DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + port + "/" + database, all);
  }

  /** The value of a metric's only or summed samples whose line matches; 0 when there is none. */
  public double metric(String regex) {
    var pattern = Pattern.compile(regex);
    return Http.get(httpUrl() + "/metrics")
        .lines()
        .filter(line -> !line.startsWith("#") && pattern.matcher(line).find())
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }

  /** Where REST, metrics and health answer. */
  public String httpUrl() {
    return client("http");
  }

  /** A value of {@code client.json}. */
  private String client(String name) {
    try {
      return value(Files.readString(data.resolve("client.json")), name);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** How many warm clones of a baseline can be handed out now. */
  public int warm(String baseline) {
    var body = Http.send(httpUrl() + "/v1/baselines", client("token"));
    var ready =
        Pattern.compile(
                "\"name\"\\s*:\\s*\"%s\".*?\"ready\"\\s*:\\s*(\\d+)".formatted(baseline),
                Pattern.DOTALL)
            .matcher(body);
    return ready.find() ? Integer.parseInt(ready.group(1)) : 0;
  }

  /**
   * Who gets in.
   *
   * @param user a role with a token's id
   * @param password the token's secret
   */
  public record Login(String user, String password) {}

  /** The superuser of every branch, who may create branches by connecting. */
  public synchronized Login superuser() {
    if (superuser.isEmpty()) {
      var token =
          mint("{\"system\": true, \"role\": \"postgres\", \"rights\": [\"connect\", \"create\"]}");
      superuser = Optional.of(new Login("postgres~" + token.id(), token.secret()));
    }
    return superuser.get();
  }

  /** Connects as the superuser. */
  public Connection connect(String branch) throws SQLException {
    var login = superuser();
    return connect(login.user(), login.password(), "postgres@" + branch);
  }

  /** The state of a branch, or "absent". */
  public String state(String branch) {
    var body = Http.send(httpUrl() + "/v1/branches/" + branch, client("token"));
    var state = Pattern.compile("\"state\"\\s*:\\s*\"(\\w+)\"").matcher(body);
    return state.find() ? state.group(1) : "absent";
  }

  /**
   * A client's session.
   *
   * @param id of the client's connection, whatever backends serve it
   * @param state as REST says it
   */
  public record ClientSession(long id, String state) {}

  /** The sessions of a branch in the order in which they came. */
  public List<ClientSession> sessions(String branch) {
    var body = Http.send(httpUrl() + "/v1/branches/" + branch + "/sessions", client("token"));
    return Pattern.compile(
            "\"id\"\\s*:\\s*(\\d+),\\s*\"branch\".*?\"state\"\\s*:\\s*\"(\\w+)\"", Pattern.DOTALL)
        .matcher(body)
        .results()
        .map(found -> new ClientSession(Long.parseLong(found.group(1)), found.group(2)))
        .toList();
  }

  /** Has something done to a branch, as {@code suspend}; the answer is the branch or a problem. */
  public String order(String branch, String verb) {
    return Http.post(httpUrl() + "/v1/branches/" + branch + "/" + verb, client("token"), "");
  }

  /** The pool, as REST says it. */
  public String pool() {
    return Http.send(httpUrl() + "/v1/pool", client("token"));
  }

  /** Why a branch is as it is, as REST says it. */
  public String why(String branch) {
    return Http.send(httpUrl() + "/v1/branches/" + branch + "/why", client("token"));
  }

  /**
   * A new token of a branch.
   *
   * @param id its public part
   * @param secret what proves it
   */
  public record Token(String id, String secret) {}

  /** Makes a token for a role of a branch that is there. */
  public Token mintToken(String branch, String role) {
    return mint("{\"branch\": \"%s\", \"role\": \"%s\"}".formatted(branch, role));
  }

  private Token mint(String request) {
    var body = Http.post(httpUrl() + "/v1/tokens", client("token"), request);
    return new Token(value(body, "id"), value(body, "secret"));
  }

  private static String value(String json, String name) {
    var value = Pattern.compile("\"" + name + "\"\\s*:\\s*\"([^\"]+)\"").matcher(json);
    if (!value.find()) {
      throw new AssertionError("no " + name + " in " + json);
    }
    return value.group(1);
  }

  /** Ends it as a crash would. */
  public void kill() {
    up.process().destroyForcibly();
    up.process().onExit().join();
  }

  /** Ends it as an operator would. */
  public int stop() {
    up.process().destroy();
    try {
      if (!up.process().waitFor(60, TimeUnit.SECONDS)) {
        throw new AssertionError("vela up did not end after SIGTERM\n" + said());
      }
      return up.process().exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    if (up.process().isAlive()) {
      stop();
    }
  }
}
