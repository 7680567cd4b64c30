package io.vela.proxy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.config.BackendPolicy;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.value.HostPort;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.postgresql.PGConnection;

/** Sessions whose backends are older than they are. */
class KeptBackendsTest {
  private static final BackendPolicy REUSED = new BackendPolicy(true, 0);
  private static final BackendPolicy ONE_SPARE = new BackendPolicy(false, 1);

  private static final String OF_APP =
      "select concat_ws(' ', pid, state, now() - backend_start, query)"
          + " from pg_stat_activity where usename = 'app'";

  private static RealPostgres postgres;

  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private ScriptedRouter router;
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
    router = new ScriptedRouter(postgres.endpoint());
    router.roles.put("app", postgres.role("app"));
    server =
        ProxyServer.start(
            List.of(new ListenerConfig(new HostPort("127.0.0.1", 0), Optional.empty())),
            LimitsConfig.DEFAULT,
            new NetworkConfig("auto", 0, true),
            router,
            meters);
  }

  @AfterEach
  void stopProxy() {
    server.close(Duration.ofSeconds(5));
    for (var lease : router.leases) {
      assertThat(lease.closes).as("each lease is given back exactly once").hasValue(1);
    }
    postgres.sql("alter role app reset all");
    postgres.sql("alter role app connection limit -1");
  }

  private Connection connect() throws SQLException {
    return connect("");
  }

  /**
   * @param options for the backend, which the startup message has
   */
  private Connection connect(String options) throws SQLException {
    var all = new Properties();
    all.setProperty("user", "app");
    all.setProperty("password", "right");
    all.setProperty("options", options);
    return DriverManager.getConnection(
        "jdbc:postgresql://127.0.0.1:" + server.addresses().getFirst().getPort() + "/app@pr-1",
        all);
  }

  private static String one(Connection connection, String sql) throws SQLException {
    try (var statement = connection.createStatement();
        var result = statement.executeQuery(sql)) {
      assertThat(result.next()).isTrue();
      return String.valueOf(result.getString(1));
    }
  }

  private static void run(Connection connection, String sql) throws SQLException {
    try (var statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static String pid(Connection connection) throws SQLException {
    return one(connection, "select pg_backend_pid()");
  }

  private double resting() {
    return meters.get("vela.backend.connections").tag("state", "spare").gauge().value();
  }

  private void awaitResting(int count) {
    await().until(() -> resting() == count);
  }

  /** Only backends that Vela started itself are kept: the first session makes it start one. */
  private void oneSessionBefore() throws SQLException {
    connect().close();
    awaitResting(1);
  }

  @Test
  void reusedItServesAnotherSessionWhichFindsNothingOfTheFirst() throws Exception {
    router.backends = REUSED;
    oneSessionBefore();
    String pid;
    String zone;
    try (var first = connect()) {
      pid = pid(first);
      zone = first.unwrap(PGConnection.class).getParameterStatus("TimeZone");
      run(first, "set timezone to 'Asia/Kathmandu'");
      run(first, "set work_mem to '17MB'");
      run(first, "create temp table left_behind ()");
      run(first, "prepare left_behind as select 1");
      run(first, "select pg_advisory_lock(1)");
    }
    awaitResting(1);

    try (var second = connect()) {
      assertThat(pid(second)).isEqualTo(pid);
      assertThat(second.unwrap(PGConnection.class).getParameterStatus("TimeZone")).isEqualTo(zone);
      assertThat(one(second, "show timezone")).isEqualTo(zone);
      assertThat(one(second, "show work_mem")).isEqualTo("4MB");
      assertThat(one(second, "select to_regclass('left_behind')")).isEqualTo("null");
      assertThat(one(second, "select count(*) from pg_prepared_statements")).isEqualTo("0");
      assertThat(one(second, "select count(*) from pg_locks where locktype = 'advisory'"))
          .isEqualTo("0");
    }
  }

  @Test
  void notReusedWhenItsRoleHasOtherSettingsNow() throws Exception {
    router.backends = REUSED;
    oneSessionBefore();
    try (var first = connect()) {
      assertThat(one(first, "show work_mem")).isEqualTo("4MB");
      postgres.sql("alter role app set work_mem to '7MB'");
    }

    try (var second = connect()) {
      assertThat(one(second, "show work_mem")).isEqualTo("7MB");
    }
  }

  @Test
  void notReusedWithATransactionOpen() throws Exception {
    router.backends = REUSED;
    oneSessionBefore();
    String pid;
    try (var first = connect()) {
      pid = pid(first);
      first.setAutoCommit(false);
      run(first, "create temp table half_done ()");
    }
    await().until(() -> isGone(pid));
  }

  @Test
  void notReusedForOtherStartupParameters() throws Exception {
    router.backends = REUSED;
    oneSessionBefore();
    String pid;
    try (var first = connect()) {
      pid = pid(first);
    }
    awaitResting(1);

    try (var second = connect("-c work_mem=9MB")) {
      assertThat(pid(second)).isNotEqualTo(pid);
      assertThat(one(second, "show work_mem")).isEqualTo("9MB");
    }
  }

  @Test
  void spareItWasThereBeforeItsSessionAndGoesWithIt() throws Exception {
    router.backends = ONE_SPARE;
    oneSessionBefore();
    var before = postgres.sql("select pid from pg_stat_activity where usename = 'app'").lines();
    String pid;
    try (var session = connect()) {
      pid = pid(session);
      assertThat(before).contains(pid);
      assertThat(one(session, "select current_user || '/' || current_database()"))
          .isEqualTo("app/app");
    }
    await().until(() -> isGone(pid));
  }

  @Test
  void aSessionFindsRoomWhereOnlySpareOnesAreInTheWay() throws Exception {
    router.backends = ONE_SPARE;
    postgres.sql("alter role app connection limit 2");
    try (var first = connect()) {
      awaitResting(1);

      try (var second = connect("-c work_mem=9MB")) {
        assertThat(pid(second)).isNotEqualTo(pid(first));
      }
    }
  }

  @Test
  void theyEndSoonWhenNobodyComes() throws Exception {
    router.backends = ONE_SPARE;
    oneSessionBefore();

    awaitResting(0);
    await().untilAsserted(() -> assertThat(postgres.sql(OF_APP)).isEmpty());
  }

  @Test
  void byDefaultEverySessionHasABackendOfItsOwn() throws Exception {
    connect().close();
    String pid;
    try (var first = connect()) {
      pid = pid(first);
    }

    try (var second = connect()) {
      assertThat(pid(second)).isNotEqualTo(pid);
      assertThat(resting()).isZero();
    }
  }

  private static boolean isGone(String pid) {
    return postgres.sql("select count(*) from pg_stat_activity where pid = " + pid).equals("0");
  }
}
