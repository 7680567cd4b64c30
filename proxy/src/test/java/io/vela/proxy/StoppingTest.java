package io.vela.proxy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.value.HostPort;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What connected clients see while the proxy stops, or is configured anew. */
class StoppingTest {
  private static final Duration LONG = Duration.ofMinutes(2);
  private static final ListenerConfig ANY_PORT =
      new ListenerConfig(new HostPort("127.0.0.1", 0), Optional.empty());

  private static RealPostgres postgres;

  private ProxyServer server;

  @BeforeAll
  static void startPostgres() throws Exception {
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
    var router = new ScriptedRouter(postgres.endpoint());
    router.roles.put("app", postgres.role("app"));
    server =
        ProxyServer.start(
            List.of(ANY_PORT),
            LimitsConfig.DEFAULT,
            NetworkConfig.DEFAULT,
            router,
            new SimpleMeterRegistry());
  }

  @AfterEach
  void stopProxy() {
    server.close(Duration.ZERO);
  }

  private Connection connect() throws SQLException {
    return connect(server.addresses().getFirst());
  }

  private static Connection connect(InetSocketAddress address) throws SQLException {
    var properties = new Properties();
    properties.setProperty("user", "app");
    properties.setProperty("password", "right");
    properties.setProperty("loginTimeout", "30");
    properties.setProperty("socketTimeout", "120");
    return DriverManager.getConnection(
        "jdbc:postgresql://127.0.0.1:" + address.getPort() + "/app@pr-1", properties);
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (var statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static void assertTold(Connection connection) {
    assertThatThrownBy(() -> execute(connection, "select 1"))
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("57P01"));
  }

  private CompletableFuture<Void> closing(Duration drain) {
    return CompletableFuture.runAsync(() -> server.close(drain));
  }

  private void awaitRefusal() {
    await().untilAsserted(() -> assertThatThrownBy(this::connect).isInstanceOf(SQLException.class));
  }

  @Test
  void anOpenTransactionEndsAndThenItsClientIsTold() throws Exception {
    try (var idle = connect();
        var busy = connect()) {
      busy.setAutoCommit(false);
      execute(busy, "create table kept (v int)");

      var closed = closing(LONG);
      awaitRefusal();
      assertTold(idle);
      execute(busy, "insert into kept values (1)");
      assertThat(closed).isNotDone();
      busy.commit();

      assertTold(busy);
      closed.get(30, TimeUnit.SECONDS);
    }
    assertThat(
            postgres.sql(
                "select count(*) from pg_stat_activity where usename = 'app' and state = 'active'"))
        .isEqualTo("0");
  }

  @Test
  void aTransactionThatDoesNotEndInTimeIsEnded() throws Exception {
    try (var busy = connect()) {
      busy.setAutoCommit(false);
      execute(busy, "select 1");

      closing(Duration.ofMillis(200)).get(30, TimeUnit.SECONDS);

      assertTold(busy);
    }
  }

  @Test
  void whoHurriesWaitsForNoTransaction() throws Exception {
    try (var busy = connect()) {
      busy.setAutoCommit(false);
      execute(busy, "select 1");

      var closed = closing(LONG);
      awaitRefusal();
      server.hurry();

      closed.get(30, TimeUnit.SECONDS);
      assertTold(busy);
    }
  }

  @Test
  void aListenerComesAndGoesAndWhoIsConnectedStays() throws Exception {
    var former = server.addresses().getFirst();
    try (var connection = connect()) {
      var added = new ListenerConfig(new HostPort("127.0.0.2", freePort()), Optional.empty());

      assertThat(server.reconfigure(List.of(added), LimitsConfig.DEFAULT)).isEmpty();

      assertThat(server.addresses())
          .containsExactly(new InetSocketAddress("127.0.0.2", added.address().port()));
      assertThatThrownBy(() -> connect(former)).hasMessageContaining("refused");
      execute(connection, "select 1");
    }
  }

  @Test
  void anAddressThatIsTakenIsToldAndTheOthersAreServed() throws Exception {
    try (var taken = new ServerSocket(0)) {
      var wanted =
          new ListenerConfig(new HostPort("127.0.0.1", taken.getLocalPort()), Optional.empty());

      var problems = server.reconfigure(List.of(ANY_PORT, wanted), LimitsConfig.DEFAULT);

      assertThat(problems)
          .singleElement()
          .asString()
          .startsWith("listen " + wanted.address() + ": cannot listen on");
      try (var connection = connect()) {
        execute(connection, "select 1");
      }
    }
  }

  @Test
  void aListenerMovesToAllAddressesOfItsOwnPort() throws Exception {
    var narrow = new ListenerConfig(new HostPort("127.0.0.1", freePort()), Optional.empty());
    var wide =
        new ListenerConfig(new HostPort("0.0.0.0", narrow.address().port()), Optional.empty());
    assertThat(server.reconfigure(List.of(narrow), LimitsConfig.DEFAULT)).isEmpty();
    try (var before = connect()) {
      assertThat(server.reconfigure(List.of(wide), LimitsConfig.DEFAULT)).isEmpty();

      try (var after = connect()) {
        execute(after, "select 1");
      }
      execute(before, "select 1");
    }
  }

  private static int freePort() throws Exception {
    try (var socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }
}
