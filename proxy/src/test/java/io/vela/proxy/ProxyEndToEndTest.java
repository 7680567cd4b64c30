package io.vela.proxy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.abort;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.agent.CloneId;
import io.vela.agent.Endpoint;
import io.vela.agent.InstanceExit;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.value.BranchName;
import io.vela.config.value.HostPort;
import io.vela.proxy.net.TransportException;
import io.vela.router.RouteFailure;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.PGConnection;
import org.postgresql.util.PSQLException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** pgjdbc through the proxy to a real Postgres. */
class ProxyEndToEndTest {
  private static final Logger log = LoggerFactory.getLogger(ProxyEndToEndTest.class);

  private static RealPostgres postgres;

  private final MeterRegistry meters = new SimpleMeterRegistry();
  private ScriptedRouter router;
  private ProxyServer server;

  @BeforeAll
  static void startPostgres() throws Exception {
    postgres = RealPostgres.start();
    postgres.sql("create role app login password 'right'");
    postgres.sql("create role idle_role nologin password 'right'");
    postgres.sql("set password_encryption = 'md5'; create role old login password 'right'");
    postgres.sql("create database app owner app");
  }

  @AfterAll
  static void stopPostgres() {
    postgres.close();
  }

  @BeforeEach
  void startProxy() throws Exception {
    router = new ScriptedRouter(postgres.endpoint());
    for (var role : List.of("app", "idle_role", "old")) {
      router.roles.put(role, postgres.role(role));
    }
    server = start("auto", meters);
  }

  @AfterEach
  void stopProxy() {
    server.close(Duration.ofSeconds(5));
    for (var lease : router.leases) {
      assertThat(lease.closes).as("each lease is given back exactly once").hasValue(1);
    }
  }

  private ProxyServer start(String transport, MeterRegistry registry) throws Exception {
    return ProxyServer.start(
        List.of(new ListenerConfig(new HostPort("127.0.0.1", 0), Optional.empty())),
        LimitsConfig.DEFAULT,
        new NetworkConfig(transport, 0, true),
        router,
        registry);
  }

  private Connection connect(String user, String password, String... properties)
      throws SQLException {
    return connectTo("app@pr-1", user, password, properties);
  }

  private Connection connectTo(String database, String user, String password, String... properties)
      throws SQLException {
    var all = new Properties();
    all.setProperty("user", user);
    all.setProperty("password", password);
    all.setProperty("connectTimeout", "20");
    all.setProperty("loginTimeout", "30");
    all.setProperty("socketTimeout", "120");
    for (var i = 0; i < properties.length; i += 2) {
      all.setProperty(properties[i], properties[i + 1]);
    }
    return DriverManager.getConnection(
        "jdbc:postgresql://127.0.0.1:" + server.addresses().getFirst().getPort() + "/" + database,
        all);
  }

  private static String one(Connection connection, String sql) throws SQLException {
    try (var statement = connection.createStatement();
        var result = statement.executeQuery(sql)) {
      assertThat(result.next()).isTrue();
      return result.getString(1);
    }
  }

  private static void assertRefused(
      org.assertj.core.api.ThrowableAssert.ThrowingCallable connecting,
      String sqlState,
      String message) {
    assertThatThrownBy(connecting)
        .isInstanceOfSatisfying(
            PSQLException.class,
            refused -> {
              assertThat(refused.getSQLState()).isEqualTo(sqlState);
              assertThat(refused.getMessage()).contains(message);
            });
  }

  private double count(String meter, String tag, String value) {
    return meters.get(meter).tag(tag, value).counter().count();
  }

  @Test
  void theRightPasswordIsServed() throws Exception {
    try (var connection = connect("app", "right")) {
      assertThat(one(connection, "select current_user || '/' || current_database()"))
          .isEqualTo("app/app");
      assertThat(meters.get("vela.client.connections").tag("state", "idle").gauge().value())
          .isEqualTo(1);
      assertThat(meters.get("vela.backend.connections").gauge().value()).isEqualTo(1);
    }
    await().untilAsserted(() -> assertThat(router.leases.getFirst().closes).hasValue(1));
    await()
        .untilAsserted(
            () ->
                assertThat(count("vela.client.connections.total", "outcome", "served"))
                    .isEqualTo(1));
    assertThat(count("vela.relay.bytes", "direction", "to_client")).isPositive();
    assertThat(meters.get("vela.requests").counter().count()).isPositive();
    assertThat(router.labels.getFirst().description())
        .contains("role=app", "database=app", "client=127.0.0.1:");
  }

  @ParameterizedTest
  @ValueSource(strings = {"nio", "epoll", "io_uring"})
  void everyTransportServesAndCarriesBulk(String transport) throws Exception {
    stopProxy();
    try {
      server = start(transport, new SimpleMeterRegistry());
    } catch (TransportException e) {
      if (!transport.equals("io_uring")) {
        throw e;
      }
      // Containers often forbid it, and a kernel may lack it: the only one that may be missing.
      log.warn("NOT RUN: everyTransportServesAndCarriesBulk io_uring: {}", e.getMessage());
      abort("io_uring is not available");
    }
    try (var connection = connect("app", "right")) {
      assertThat(
              one(
                  connection,
                  "select sum(length(repeat('x', 1000))) from generate_series(1, 20000)"))
          .isEqualTo("20000000");
      assertThat(one(connection, "select length(repeat('x', 20000000))")).isEqualTo("20000000");
      assertThat(one(connection, "select repeat('x', 20000000)")).hasSize(20_000_000);
    }
    assertRefused(() -> connect("app", "wrong"), "28P01", "password authentication failed");
  }

  @Test
  void aHundredMegabytesAreCopiedBothWays() throws Exception {
    var total = 100L << 20;
    try (var connection = connect("app", "right");
        var statement = connection.createStatement()) {
      statement.execute("create temp table bulk (line text)");
      var copy = connection.unwrap(PGConnection.class).getCopyAPI();
      var in = copy.copyIn("copy bulk from stdin");
      var line = ("y".repeat(1023) + "\n").getBytes(StandardCharsets.UTF_8);
      for (var sent = 0L; sent < total; sent += line.length) {
        in.writeToCopy(line, 0, line.length);
      }
      assertThat(in.endCopy()).isEqualTo(total / line.length);
      var out = copy.copyOut("copy bulk to stdout");
      var received = 0L;
      for (var row = out.readFromCopy(); row != null; row = out.readFromCopy()) {
        received += row.length;
      }
      assertThat(received).isEqualTo(total);
      assertThat(count("vela.relay.bytes", "direction", "to_backend"))
          .isGreaterThan((double) total);
      assertThat(count("vela.relay.bytes", "direction", "to_client")).isGreaterThan((double) total);
    }
  }

  @Test
  void tenThousandStatementsGoInOnePipeline() throws Exception {
    try (var connection = connect("app", "right");
        var statement = connection.createStatement()) {
      statement.execute("create temp table counted (n int)");
      try (var insert = connection.prepareStatement("insert into counted values (?)")) {
        for (var n = 0; n < 10_000; n++) {
          insert.setInt(1, n);
          insert.addBatch();
        }
        assertThat(insert.executeBatch()).hasSize(10_000);
      }
      assertThat(one(connection, "select sum(n) from counted")).isEqualTo("49995000");
    }
  }

  @Test
  void aWrongPasswordWakesNothing() {
    assertRefused(
        () -> connect("app", "wrong"), "28P01", "password authentication failed for user \"app\"");
    assertThat(router.asked).isEmpty();
    assertThat(count("vela.auth.failures", "method", "scram-sha-256")).isEqualTo(1);
    assertThat(count("vela.refusals", "sqlstate", "28P01")).isEqualTo(1);
  }

  @Test
  void anUnknownRoleLooksLikeAWrongPassword() {
    assertRefused(
        () -> connect("nobody", "right"),
        "28P01",
        "password authentication failed for user \"nobody\"");
    assertThat(router.asked).isEmpty();
  }

  @Test
  void anMd5HashIsStillGood() throws Exception {
    try (var connection = connect("old", "right")) {
      assertThat(one(connection, "select current_user")).isEqualTo("old");
    }
    assertRefused(() -> connect("old", "wrong"), "28P01", "for user \"old\"");
  }

  @Test
  void aRoleWithoutLoginWakesNothing() {
    assertRefused(
        () -> connect("idle_role", "right"),
        "28000",
        "role \"idle_role\" is not permitted to log in");
    assertThat(router.asked).isEmpty();
  }

  @Test
  void aConnectionWithoutABranchIsRefusedWithAHint() {
    assertRefused(() -> connectTo("app", "app", "right"), "3D000", "branch");
    assertThat(router.asked).isEmpty();
  }

  @Test
  void aMissingDatabaseIsRefusedByPostgresItself() throws Exception {
    assertRefused(
        () -> connectTo("missing@pr-1", "app", "right"),
        "3D000",
        "database \"missing\" does not exist");
    await().untilAsserted(() -> assertThat(router.leases.getFirst().closes).hasValue(1));
    assertThat(count("vela.client.connections.total", "outcome", "ended_by_postgres")).isEqualTo(1);
  }

  @Test
  void aBearerTokenNeedsNoPassword() throws Exception {
    router.refuses = _ -> Optional.empty();
    try (var connection = connectTo("app@vela_k3f9x2_SECRETSECRET", "app", "")) {
      assertThat(one(connection, "select current_user")).isEqualTo("app");
    }
  }

  @Test
  void aBadTokenLooksLikeAWrongPassword() {
    router.refuses =
        _ -> Optional.of(new RouteFailure.BadToken("k3f9x2", RouteFailure.BadToken.Reason.EXPIRED));
    assertRefused(
        () -> connectTo("app", "app~k3f9x2", "right"),
        "28P01",
        "password authentication failed for user \"app~k3f9x2\"");
    assertThat(router.asked).isEmpty();
  }

  @Test
  void everyStartupParameterReachesPostgres() throws Exception {
    try (var connection =
        connect(
            "app",
            "right",
            "ApplicationName",
            "my app",
            "options",
            "-c statement_timeout=4321 -c search_path=one,two -c vela.branch=pr-1")) {
      assertThat(one(connection, "show application_name")).isEqualTo("my app");
      assertThat(one(connection, "show statement_timeout")).isEqualTo("4321ms");
      assertThat(one(connection, "show search_path")).isEqualTo("one,two");
      assertThat(one(connection, "show TimeZone"))
          .isEqualTo(java.util.TimeZone.getDefault().getID());
    }
  }

  @Test
  void aCancelReachesTheBackendItIsMeantFor() throws Exception {
    try (var connection = connect("app", "right");
        var other = connect("app", "right");
        var statement = connection.createStatement()) {
      var running =
          CompletableFuture.runAsync(
              () -> {
                try {
                  statement.execute("select pg_sleep(60)");
                } catch (SQLException e) {
                  throw new java.util.concurrent.CompletionException(e);
                }
              });
      await()
          .until(
              () ->
                  one(
                          other,
                          "select count(*) from pg_stat_activity where query like '%pg_sleep(60)'"
                              + " and state = 'active'")
                      .equals("1"));
      statement.cancel();
      assertThatThrownBy(running::join)
          .hasCauseInstanceOf(PSQLException.class)
          .hasMessageContaining("canceling statement due to user request");
      assertThat(count("vela.cancel.requests", "outcome", "forwarded")).isEqualTo(1);
      assertThat(one(connection, "select 1")).isEqualTo("1");
    }
  }

  @Test
  void aDeadInstanceIsToldWithItsLog() throws Exception {
    try (var mortal = RealPostgres.start()) {
      mortal.sql("create role app login");
      router.wakes = () -> CompletableFuture.completedFuture(router.newLease(mortal.endpoint()));
      try (var connection = connectTo("postgres@pr-1", "app", "right")) {
        mortal.kill();
        router
            .leases
            .getFirst()
            .exit
            .complete(new InstanceExit(CloneId.random(), false, "PANIC: the last line"));
        assertThatThrownBy(() -> one(connection, "select 1"))
            .isInstanceOfSatisfying(
                PSQLException.class,
                lost -> {
                  assertThat(lost.getSQLState()).isEqualTo("57P02");
                  assertThat(lost.getMessage()).contains("Detail: PANIC: the last line");
                });
      }
    }
  }

  @Test
  void aRevokedSessionIsToldWhy() throws Exception {
    try (var suspended = connect("app", "right");
        var deleted = connect("app", "right")) {
      router.leases.get(0).revoked.complete(new RouteFailure.ShuttingDown());
      router.leases.get(1).revoked.complete(new RouteFailure.BranchDeleted(new BranchName("pr-1")));
      await().untilAsserted(() -> assertThat(router.leases.get(1).closes).hasValue(1));
      assertRefused(() -> one(suspended, "select 1"), "57P01", "Vela is shutting down");
      assertRefused(() -> one(deleted, "select 1"), "57P04", "has been deleted");
    }
  }

  @Test
  void anInstanceThatIsGoneIsAskedForAgain() throws Exception {
    var gone = new Endpoint.UnixSocket("/tmp/vela-no-such-socket");
    router.wakes =
        () ->
            CompletableFuture.completedFuture(
                router.newLease(router.asked.isEmpty() ? gone : postgres.endpoint()));
    try (var connection = connect("app", "right")) {
      assertThat(one(connection, "select 1")).isEqualTo("1");
    }
    assertThat(router.asked).hasSize(2);
  }

  @Test
  void anInstanceThatStaysGoneIsToldAfterThreeAttempts() {
    router.wakes =
        () ->
            CompletableFuture.completedFuture(
                router.newLease(new Endpoint.UnixSocket("/tmp/vela-no-such-socket")));
    assertRefused(() -> connect("app", "right"), "57P03", "does not accept connections");
    assertThat(router.asked).hasSize(3);
  }

  @Test
  void aStoppingProxySaysSo() throws Exception {
    try (var connection = connect("app", "right")) {
      server.close(Duration.ofSeconds(5));
      assertRefused(() -> one(connection, "select 1"), "57P01", "Vela is shutting down");
    }
  }
}
