package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.it.support.Machine;
import io.vela.it.support.Run;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Each driver as a process of its own, through one Vela, on a branch of its own. What the programs
 * check, and how they are written, stands in {@code src/test/resources/drivers/README.md}.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class DriverMatrix {
  /** What a driver must show, or the reason why it has no means to. */
  private static final List<String> CHECKS =
      List.of(
          "database-name",
          "option",
          "option-setting",
          "server-name",
          "token-user",
          "token-bearer",
          "token-binding",
          "no-branch",
          "wrong-password",
          "scram-plus",
          "md5",
          "tls-disable",
          "tls-require",
          "tls-verify-full",
          "tls-direct",
          "prepared",
          "copy-in",
          "copy-out",
          "listen",
          "listen-process",
          "cancel",
          "cancel-tls",
          "errors");

  private static final Path SCRIPTS = Path.of("src", "test", "resources", "drivers");

  /** The drivers. */
  enum Driver {
    PSQL_15,
    PSQL_WITH_LIBPQ_18,
    PGJDBC,
    R2DBC_POSTGRESQL,
    VERTX_PG_CLIENT,
    NODE_POSTGRES,
    POSTGRES_JS,
    PSYCOPG_3;

    /** What it has no means to do, and why. */
    Map<String, String> cannot() {
      return switch (this) {
        case PSQL_15 ->
            Map.of(
                "tls-direct", "libpq has sslnegotiation since version 17",
                "listen-process", "its program has one session, which notifies itself");
        case PSQL_WITH_LIBPQ_18 ->
            Map.of("listen-process", "its program has one session, which notifies itself");
        case PGJDBC, NODE_POSTGRES -> Map.of();
        case R2DBC_POSTGRESQL -> Map.of("copy-out", "its API has copyIn only");
        case VERTX_PG_CLIENT ->
            Map.of(
                "tls-direct", "it always sends SSLRequest",
                "copy-in", "its API has no COPY",
                "copy-out", "its API has no COPY");
        case POSTGRES_JS ->
            Map.of(
                "scram-plus", "it knows SCRAM-SHA-256 only",
                "token-binding", "it knows SCRAM-SHA-256 only",
                "listen-process", "it hands out the payload only");
        case PSYCOPG_3 -> Map.of("tls-direct", "Debian's is linked with libpq 15");
      };
    }

    String branch() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  private final List<String> options;
  private final Map<String, String> exceptions;

  /**
   * @param options words for {@code vela up}
   * @param exceptions checks that need not hold when Vela is run so, and why
   */
  DriverMatrix(List<String> options, Map<String, String> exceptions) {
    this.options = options;
    this.exceptions = exceptions;
  }

  private Scratch scratch;
  private Vela vela;
  private int tlsPort;
  private Path otherAuthority;

  @BeforeAll
  void start() throws Exception {
    scratch = new Scratch();
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      tlsPort = socket.getLocalPort();
    }
    var certificates = scratch.data().resolve("tls");
    var config =
        """
        listen:
          - address: 127.0.0.1:0
            suffix: db.test
          - address: 127.0.0.1:%d
            suffix: db.test
            tls: {certificate: %s/server.crt, key: %s/server.key}
        """
            .formatted(tlsPort, certificates, certificates);
    var file = Files.writeString(scratch.folder().resolve("vela.yaml"), config);
    vela = Vela.startAsConfigured(scratch.data(), file, options.toArray(String[]::new));
    otherAuthority = otherAuthority();
  }

  /** A certificate that vouches for nobody here. */
  private Path otherAuthority() {
    var keystore = scratch.folder().resolve("other.p12");
    var certificate = scratch.folder().resolve("other.crt");
    var keytool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
    var store = "-keystore " + keystore + " -storepass another -alias other";
    var make = " -genkeypair -keyalg EC -dname CN=other -ext bc:c " + store;
    Run.program((keytool + make).split(" +")).text();
    Run.program((keytool + " -exportcert -rfc -file " + certificate + " " + store).split(" +"))
        .text();
    return certificate;
  }

  @AfterAll
  void stop() throws Exception {
    vela.close();
    scratch.close();
  }

  @ParameterizedTest
  @EnumSource
  void aDriverDoesThroughVelaWhatItCan(Driver driver) throws Exception {
    prepare(driver.branch());
    var environment = environment(driver);

    var outcome = Run.program(environment, command(driver, environment));

    var said = outcome.out() + outcome.err();
    assertThat(outcome.code()).as(said).isZero();
    var told = told(outcome.out());
    assertThat(told.entrySet())
        .as(said)
        .allMatch(check -> check.getValue().isEmpty() || exceptions.containsKey(check.getKey()));
    assertThat(told.keySet())
        .containsExactlyInAnyOrderElementsOf(
            CHECKS.stream().filter(check -> !driver.cannot().containsKey(check)).toList());
    theBindingWasUsed(driver);
    assertThat(vela.metric("^vela_session_parks_total\\{.*outcome=\"parked\"") > 0)
        .isEqualTo(options.contains("--park-always"));
  }

  /** By check: nothing, or why it failed. */
  private static Map<String, String> told(String out) {
    var result = new TreeMap<String, String>();
    var line = Pattern.compile("(?m)^(ok|FAILED) ([a-z0-9-]+)(.*)$").matcher(out);
    while (line.find()) {
      result.put(line.group(2), line.group(1).equals("ok") ? "" : line.group(3));
    }
    return result;
  }

  /** Few drivers can demand a channel binding; Vela knows whether one was used. */
  private void theBindingWasUsed(Driver driver) {
    if (driver.cannot().containsKey("scram-plus")) {
      assertThat(sessions(driver)).noneMatch(line -> line.contains("-plus"));
      return;
    }
    Awaitility.await()
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(
            () ->
                assertThat(sessions(driver))
                    .anyMatch(line -> line.contains(" auth=scram-sha-256-plus"))
                    .anyMatch(line -> line.contains(" auth=token-plus")));
  }

  private List<String> sessions(Driver driver) {
    try (var lines = Files.lines(vela.data().resolve("vela.log"))) {
      return lines
          .filter(line -> line.contains("session began"))
          .filter(line -> line.contains(" branch=" + driver.branch() + " "))
          .toList();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** Roles and tables; the first connection makes the branch. */
  private void prepare(String branch) throws SQLException {
    execute(
        "postgres@" + branch,
        "CREATE ROLE app LOGIN PASSWORD 'app'",
        "SET password_encryption = 'md5'",
        "CREATE ROLE old LOGIN PASSWORD 'old'",
        "CREATE DATABASE app OWNER app");
    execute(
        "app@" + branch,
        "SET ROLE app",
        "CREATE SCHEMA app",
        "CREATE TABLE app.marker (name text PRIMARY KEY)",
        "INSERT INTO app.marker VALUES ('" + branch + "')",
        "CREATE TABLE app.filled (id int PRIMARY KEY, name text)");
  }

  private void execute(String database, String... statements) throws SQLException {
    var login = vela.superuser();
    try (var connection = vela.connect(login.user(), login.password(), database);
        var statement = connection.createStatement()) {
      for (var sql : statements) {
        statement.execute(sql);
      }
    }
  }

  private Map<String, String> environment(Driver driver) throws IOException {
    var branch = driver.branch();
    var token = vela.mintToken(branch, "app");
    var environment =
        new HashMap<>(
            Map.of(
                "VELA_PORT",
                Integer.toString(vela.port()),
                "VELA_TLS_PORT",
                Integer.toString(tlsPort),
                "VELA_USER",
                "app",
                "VELA_PASSWORD",
                "app",
                "VELA_DATABASE",
                "app",
                "VELA_BRANCH",
                branch,
                "VELA_SERVER_NAME",
                branch + ".db.test",
                "VELA_CA",
                vela.data().resolve("tls/server.crt").toString(),
                "VELA_OTHER_CA",
                otherAuthority.toString()));
    environment.put("VELA_TOKEN_ID", token.id());
    environment.put("VELA_TOKEN_SECRET", token.secret());
    switch (driver) {
      case PSQL_15 -> environment.put("PSQL", Machine.psql());
      case PSQL_WITH_LIBPQ_18 -> {
        environment.put("PSQL", Machine.psql());
        environment.put("LIBPQ_PATH", libpq18().toString());
      }
      case NODE_POSTGRES, POSTGRES_JS ->
          environment.put("NODE_PATH", Machine.nodeWithPackages().modules().toString());
      case PGJDBC, R2DBC_POSTGRESQL, VERTX_PG_CLIENT, PSYCOPG_3 -> {}
    }
    return environment;
  }

  /** The embedded Postgres brings libpq, but no program that uses it. */
  private Path libpq18() throws IOException {
    var unpacked = System.getenv().getOrDefault("VELA_POSTGRES", vela.data() + "/postgres");
    try (var files = Files.walk(Path.of(unpacked), 4)) {
      return files
          .filter(file -> file.endsWith("lib/libpq.so.5") && file.toString().contains("/18."))
          .map(Path::getParent)
          .map(folder -> java.util.Objects.requireNonNull(folder))
          .findFirst()
          .orElseThrow(() -> new AssertionError("no libpq.so.5 of 18 below " + unpacked));
    }
  }

  private List<String> command(Driver driver, Map<String, String> environment) throws IOException {
    return switch (driver) {
      case PSQL_15, PSQL_WITH_LIBPQ_18 -> List.of("bash", script("psql.sh"));
      case PGJDBC -> java("PgjdbcProgram", environment);
      case R2DBC_POSTGRESQL -> java("R2dbcProgram", environment);
      case VERTX_PG_CLIENT -> java("VertxProgram", environment);
      case NODE_POSTGRES -> node("node-postgres.cjs");
      case POSTGRES_JS -> node("postgres-js.cjs");
      case PSYCOPG_3 -> List.of(Machine.pythonWithPsycopg(), script("psycopg3.py"));
    };
  }

  private static String script(String name) {
    return SCRIPTS.resolve(name).toAbsolutePath().toString();
  }

  private List<String> java(String program, Map<String, String> environment) throws IOException {
    var names = "127.0.0.1 localhost elsewhere.test " + environment.get("VELA_SERVER_NAME") + "\n";
    var hosts = Files.writeString(scratch.folder().resolve("hosts"), names);
    return new ArrayList<>(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            // With OpenSSL r2dbc-postgresql sends no ALPN, which direct TLS needs.
            "-Dio.netty.handler.ssl.noOpenSsl=true",
            "--enable-native-access=ALL-UNNAMED",
            "-Djdk.net.hosts.file=" + hosts,
            "-cp",
            System.getProperty("java.class.path"),
            "io.vela.it.drivers." + program));
  }

  private static List<String> node(String script) {
    return List.of(Machine.nodeWithPackages().program(), script(script));
  }
}
