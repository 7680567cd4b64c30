package io.vela.proxy;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.abort;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.agent.CloneException;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.DebianPackages;
import io.vela.agent.postgres.PostgresBinaries;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.ProxyProtocolConfig;
import io.vela.config.TlsConfig;
import io.vela.config.TlsConfig.ClientCertificates;
import io.vela.config.TlsConfig.Mode;
import io.vela.config.TlsConfig.Version;
import io.vela.config.value.HostPort;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.postgresql.PGConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Real clients over TLS to a real Postgres. */
class TlsServedTest {
  private static final Logger log = LoggerFactory.getLogger(TlsServedTest.class);
  private static final int SSL_REQUEST = 1234 << 16 | 5679;

  /** With a token in full no password is asked. */
  private static final String[] APP = {
    "user", "app", "database", "app@pr-1", "options", "branch=vela_k3f9x2_secretsecret"
  };

  private static final long MEGABYTE = 1 << 20;

  @TempDir private static Path folder;
  private static TestCertificates certificates;
  private static RealPostgres postgres;

  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private ScriptedRouter router;
  private ProxyServer server;

  @BeforeAll
  static void startPostgres() throws Exception {
    certificates = new TestCertificates(folder);
    postgres = RealPostgres.start();
    postgres.sql("create role app login password 'right'");
    postgres.sql("create database app owner app");
  }

  @AfterAll
  static void stopPostgres() {
    postgres.close();
  }

  @BeforeEach
  void startProxy() throws Exception {
    router = new ScriptedRouter(postgres.endpoint());
    router.roles.put("app", postgres.role("app"));
    server = open(certificates.config(Mode.REQUIRE, TlsConfig.Provider.AUTO));
  }

  @AfterEach
  void stopProxy() {
    server.close(Duration.ofSeconds(5));
    for (var lease : router.leases) {
      assertThat(lease.closes).as("each lease is given back exactly once").hasValue(1);
    }
  }

  private ProxyServer open(TlsConfig tls) throws Exception {
    return ProxyServer.start(
        List.of(
            new ListenerConfig(
                new HostPort("127.0.0.1", 0),
                Optional.empty(),
                Optional.of("db.example.com"),
                tls,
                ProxyProtocolConfig.OFF,
                Optional.empty())),
        LimitsConfig.DEFAULT,
        NetworkConfig.DEFAULT,
        router,
        meters);
  }

  private void restart(TlsConfig tls) throws Exception {
    server.close(Duration.ZERO);
    server = open(tls);
  }

  private int port() {
    return server.addresses().getFirst().getPort();
  }

  private Connection connect(String... properties) throws SQLException {
    var all = new Properties();
    all.setProperty("user", "app");
    all.setProperty("password", "right");
    all.setProperty("sslmode", "verify-full");
    all.setProperty("sslrootcert", certificates.root.toString());
    all.setProperty("loginTimeout", "30");
    all.setProperty("socketTimeout", "60");
    for (var i = 0; i < properties.length; i += 2) {
      all.setProperty(properties[i], properties[i + 1]);
    }
    return DriverManager.getConnection(
        "jdbc:postgresql://localhost:%d/app@pr-1".formatted(port()), all);
  }

  private static String one(Connection connection, String sql) throws SQLException {
    try (var statement = connection.createStatement();
        var result = statement.executeQuery(sql)) {
      assertThat(result.next()).isTrue();
      return result.getString(1);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsConfig.Provider.class,
      names = {"OPENSSL", "JDK"})
  void aHundredMegabytesGoBothWays(TlsConfig.Provider provider) throws Exception {
    restart(certificates.config(Mode.REQUIRE, provider));
    try (var connection = connect()) {
      var copy = connection.unwrap(PGConnection.class).getCopyAPI();
      var received = new CountingOutput();
      copy.copyOut(
          "copy (select repeat('x', 1048575) from generate_series(1, 100)) to stdout", received);
      assertThat(received.bytes).isEqualTo(100 * MEGABYTE);

      one(connection, "select set_config('temp_buffers', '8MB', false)");
      try (var statement = connection.createStatement()) {
        statement.execute("create temp table taken (line text)");
      }
      assertThat(copy.copyIn("copy taken from stdin", new Lines(100))).isEqualTo(100);
      assertThat(one(connection, "select sum(length(line)) from taken"))
          .isEqualTo(Long.toString(100 * (MEGABYTE - 1)));
    }
  }

  private static final class CountingOutput extends OutputStream {
    private long bytes;

    @Override
    public void write(int value) {
      bytes++;
    }

    @Override
    public void write(byte[] source, int offset, int length) {
      bytes += length;
    }
  }

  /** Lines of a megabyte. */
  private static final class Lines extends InputStream {
    private long left;

    Lines(int count) {
      left = count * MEGABYTE;
    }

    @Override
    public int read() {
      if (left == 0) {
        return -1;
      }
      left--;
      return left % MEGABYTE == 0 ? '\n' : 'x';
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsConfig.Provider.class,
      names = {"OPENSSL", "JDK"})
  void aClientThatReadsNothingHoldsNoMoreThanItsBuffers(TlsConfig.Provider provider)
      throws Exception {
    restart(certificates.config(Mode.REQUIRE, provider));
    try (var client = new RawClient(negotiated())) {
      client.startup(APP);
      assertThat(client.readUntil('Z')).isEqualTo("ZI");
      client.query("select repeat('x', 1048575) from generate_series(1, 80)");
      await()
          .during(Duration.ofMillis(500))
          .atMost(Duration.ofSeconds(20))
          .until(this::relayed, new Unchanging());
      assertThat(relayed()).isBetween(1.0, 32.0 * MEGABYTE);
      for (var row = 0; row < 80; row++) {
        assertThat(client.readUntil('D')).hasSizeGreaterThan((int) MEGABYTE - 1);
      }
      assertThat(client.readUntil('Z')).isEqualTo("ZI");
    }
  }

  private double relayed() {
    return meters.get("vela.relay.bytes").tag("direction", "to_client").counter().count();
  }

  /** Matches from the second time on that the same is there. */
  private static final class Unchanging implements java.util.function.Predicate<Double> {
    private double last = -1;

    @Override
    public boolean test(Double now) {
      var same = now > 0 && now == last;
      last = now;
      return same;
    }
  }

  private SSLSocket negotiated() throws Exception {
    var asking = new RawClient(server.addresses().getFirst());
    asking.sendInts(8, SSL_REQUEST);
    assertThat(asking.readByte()).isEqualTo('S');
    return certificates.over(asking.socket(), "localhost");
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsConfig.Provider.class,
      names = {"OPENSSL", "JDK"})
  void theLastWordsArriveThoughTheClientIsStillSending(TlsConfig.Provider provider)
      throws Exception {
    restart(certificates.config(Mode.REQUIRE, provider));
    try (var client = new RawClient(negotiated());
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      client.startup(APP);
      assertThat(client.readUntil('Z')).isEqualTo("ZI");
      client.query("select pg_backend_pid()");
      var pid = client.readUntil('D').replaceAll(".*[^0-9]([0-9]+)$", "$1");
      client.readUntil('Z');
      client.query("create temp table sink (line text); copy sink from stdin");
      assertThat(client.readUntil('G')).startsWith("G");
      var sending =
          threads.submit(
              () -> {
                var chunk = new byte[64 * 1024 + 5];
                java.util.Arrays.fill(chunk, (byte) 'x');
                chunk[chunk.length - 1] = '\n';
                chunk[0] = 'd';
                chunk[1] = 0;
                chunk[2] = 1;
                chunk[3] = 0;
                chunk[4] = 4;
                while (true) {
                  client.send(chunk);
                }
              });
      postgres.sql("select pg_terminate_backend(" + pid + ")");
      assertThat(client.readUntil('E')).contains("57P01");
      client.socket().close();
      assertThatThrownBy(() -> sending.get(30, TimeUnit.SECONDS))
          .hasCauseInstanceOf(java.io.IOException.class);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsConfig.Provider.class,
      names = {"OPENSSL", "JDK"})
  void aQueryIsCancelled(TlsConfig.Provider provider) throws Exception {
    restart(certificates.config(Mode.REQUIRE, provider));
    try (var connection = connect();
        var statement = connection.createStatement();
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var sleeping = threads.submit(() -> statement.execute("select pg_sleep(60) -- tls"));
      await()
          .until(
              () ->
                  postgres
                      .sql(
                          "select count(*) from pg_stat_activity where state = 'active'"
                              + " and query = 'select pg_sleep(60) -- tls'")
                      .equals("1"));
      statement.cancel();
      assertThatThrownBy(() -> sleeping.get(30, TimeUnit.SECONDS))
          .hasMessageContaining("canceling statement due to user request");
    }
  }

  @Test
  void pgjdbcConnectsWithoutAsking() throws Exception {
    try (var connection = connect("sslNegotiation", "direct")) {
      assertThat(one(connection, "select current_user")).isEqualTo("app");
    }
  }

  /** psql's output, both its streams. */
  private String psql(Optional<Path> libraries, String connection) throws Exception {
    var argv =
        new ArrayList<>(
            List.of(program(), "-X", "-At", "-v", "VERBOSITY=verbose", "-d", connection));
    argv.addAll(List.of("-c", "select 'served'"));
    var command = Command.of(argv).env("PGPASSWORD", "right");
    if (libraries.isPresent()) {
      command = command.env("LD_LIBRARY_PATH", libraries.get().toString());
    }
    var output = Files.createTempFile(folder, "psql", ".out");
    var process = command.start(output);
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    return Files.readString(output, UTF_8).strip();
  }

  private static String program() throws Exception {
    try {
      return new DebianPackages(log::warn).ensure("psql", "postgresql-client").toString();
    } catch (CloneException e) {
      if ("true".equals(System.getenv("CI"))) {
        throw e;
      }
      log.warn("NOT RUN: psql over TLS: {}", e.failure());
      return abort("psql is missing");
    }
  }

  private String uri(String host, String database, String options) {
    return "postgresql://app@%s:%d/%s?hostaddr=127.0.0.1&sslrootcert=%s&%s"
        .formatted(host, port(), database, certificates.root, options);
  }

  @Test
  void psqlConnects() throws Exception {
    assertThat(psql(Optional.empty(), uri("localhost", "app@pr-1", "sslmode=require")))
        .isEqualTo("served");
    assertThat(psql(Optional.empty(), uri("localhost", "app@pr-1", "sslmode=verify-full")))
        .isEqualTo("served");
    assertThat(psql(Optional.empty(), uri("pr-1.db.example.com", "app", "sslmode=verify-full")))
        .isEqualTo("served");
    assertThat(psql(Optional.empty(), uri("localhost", "app@pr-1", "sslmode=disable")))
        .contains("FATAL:  this address accepts encrypted connections only");
    assertThat(psql(Optional.empty(), uri("elsewhere", "app@pr-1", "sslmode=verify-full")))
        .contains("does not match host name");
  }

  @Test
  void psqlWithTheNewestLibraryConnectsWithoutAsking() throws Exception {
    var unpacked =
        Path.of(
            System.getProperty("java.io.tmpdir"),
            "vela-test-postgres-" + System.getProperty("user.name"));
    var server18 = new PostgresBinaries(List.of(), unpacked).installation(18).program("postgres");
    var libraries = Optional.of(server18.resolveSibling("../lib").normalize());
    assertThat(
            psql(
                libraries,
                uri("pr-1.db.example.com", "app", "sslmode=verify-full&sslnegotiation=direct")))
        .isEqualTo("served");
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsConfig.Provider.class,
      names = {"OPENSSL", "JDK"})
  void psqlShowsItsCertificate(TlsConfig.Provider provider) throws Exception {
    restart(
        certificates.config(Mode.REQUIRE, provider, Version.TLS_1_3, ClientCertificates.REQUIRE));
    assertThat(
            psql(
                Optional.empty(),
                uri(
                    "localhost",
                    "app@pr-1",
                    "sslmode=verify-full&sslcert=%s&sslkey=%s"
                        .formatted(certificates.clientCertificate, certificates.clientKey))))
        .isEqualTo("served");
    assertThat(
            psql(
                Optional.empty(),
                uri("localhost", "app@pr-1", "sslmode=verify-full&sslcert=/none")))
        .contains("FATAL:  connection requires a valid client certificate");
  }
}
