package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.postgresql.PGConnection;

/** Branches sleep while clients stay connected, unless something would be lost. */
final class SleepUnderClientsTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private static Scratch scratch;
  private static Vela vela;

  @BeforeAll
  static void start() throws Exception {
    scratch = new Scratch();
    var config = scratch.folder().resolve("vela.yaml");
    Files.writeString(config, "baselines: {main: {branches: {suspend-after: 1s}}}\n");
    vela = Vela.start(scratch.data(), "--config", config.toString());
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    scratch.close();
  }

  private static String query(Connection connection, String sql) throws SQLException {
    try (var statement = connection.createStatement();
        var row = statement.executeQuery(sql)) {
      row.next();
      return row.getString(1);
    }
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (var statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static void awaitState(String branch, String state) {
    await()
        .atMost(LIMIT)
        .pollInterval(Duration.ofMillis(100))
        .until(() -> vela.state(branch).equals(state));
  }

  /** For several times as long as it takes a branch to sleep. */
  private static void staysAwake(String branch) {
    await()
        .during(Duration.ofSeconds(4))
        .atMost(Duration.ofSeconds(8))
        .pollInterval(Duration.ofMillis(100))
        .until(() -> vela.state(branch).equals("running"));
  }

  private static List<String> states(String branch) {
    return vela.sessions(branch).stream().map(Vela.ClientSession::state).toList();
  }

  private static List<Connection> connections(int number, String branch) throws SQLException {
    var all = new ArrayList<Connection>();
    for (int i = 0; i < number; i++) {
      all.add(vela.connect(branch));
    }
    return all;
  }

  private static void close(List<Connection> connections) throws SQLException {
    for (var connection : connections) {
      connection.close();
    }
  }

  @Test
  void aTransactionKeepsItAwakeUntilItEnds() throws Exception {
    try (var idle = vela.connect("transaction");
        var busy = vela.connect("transaction")) {
      execute(idle, "CREATE TABLE kept (n int)");
      busy.setAutoCommit(false);
      execute(busy, "INSERT INTO kept VALUES (1)");

      staysAwake("transaction");

      busy.commit();
      awaitState("transaction", "suspended");
      assertThat(query(idle, "SELECT n FROM kept")).isEqualTo("1");
    }
  }

  @Test
  void aListenerHearsTheClientWhoWokeTheBranch() throws Exception {
    try (var listener = vela.connect("listener");
        var other = vela.connect("listener")) {
      execute(listener, "LISTEN news");
      for (var message : List.of("first", "second")) {
        awaitState("listener", "suspended");
        assertThat(states("listener")).containsExactly("parked", "parked");

        execute(other, "SELECT pg_notify('news', '" + message + "')");

        var heard = listener.unwrap(PGConnection.class).getNotifications(60_000);
        assertThat(heard).hasSize(1);
        assertThat(heard[0].getName() + " " + heard[0].getParameter()).isEqualTo("news " + message);
      }
    }
  }

  @Test
  void aTemporaryTableKeepsItAwakeAndWhyNamesIt() throws Exception {
    try (var connection = vela.connect("temporary")) {
      execute(connection, "CREATE TEMP TABLE basket AS SELECT 7 AS n");

      staysAwake("temporary");

      await().atMost(LIMIT).until(() -> vela.why("temporary").contains("basket"));
      assertThat(vela.cli("why", "temporary").text()).contains("basket");
      assertThat(query(connection, "SELECT n FROM basket")).isEqualTo("7");
      execute(connection, "DROP TABLE basket");
      awaitState("temporary", "suspended");
      assertThat(query(connection, "SELECT 8")).isEqualTo("8");
    }
  }

  @Test
  void whereIdleClientsAreToKeepItAwakeTheyDo() throws Exception {
    vela.cli("branch", "create", "awake", "--on-idle", "stay-awake").text();
    try (var connection = vela.connect("awake")) {
      assertThat(query(connection, "SELECT 2")).isEqualTo("2");

      staysAwake("awake");
    }
    awaitState("awake", "suspended");
  }

  @Test
  void whereIdleClientsAreToBeDisconnectedTheyAreToldSo() throws Exception {
    vela.cli("branch", "create", "strict", "--on-idle", "disconnect").text();
    try (var connection = vela.connect("strict")) {
      assertThat(query(connection, "SELECT 2")).isEqualTo("2");

      awaitState("strict", "suspended");

      assertThatThrownBy(() -> query(connection, "SELECT 3"))
          .isInstanceOfSatisfying(
              SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("57P01"));
    }
    await().atMost(LIMIT).until(() -> vela.sessions("strict").isEmpty());
    assertThat(vela.state("strict")).isEqualTo("suspended");
  }

  @Test
  void aRestartIsNotNoticedByIdleClients() throws Exception {
    var clients = connections(6, "restarted");
    try {
      execute(clients.getFirst(), "ALTER SYSTEM SET max_connections = 77");
      for (int i = 0; i < clients.size(); i++) {
        execute(clients.get(i), "SET application_name = 'client " + i + "'");
      }
      var started = query(clients.getFirst(), "SELECT pg_postmaster_start_time()");
      var sessions = vela.sessions("restarted").stream().map(Vela.ClientSession::id).toList();

      vela.cli("branch", "restart", "restarted").text();

      for (int i = 0; i < clients.size(); i++) {
        assertThat(query(clients.get(i), "SHOW application_name")).isEqualTo("client " + i);
        assertThat(query(clients.get(i), "SHOW max_connections")).isEqualTo("77");
      }
      assertThat(query(clients.getFirst(), "SELECT pg_postmaster_start_time()"))
          .isNotEqualTo(started);
      assertThat(vela.sessions("restarted").stream().map(Vela.ClientSession::id))
          .isEqualTo(sessions);
    } finally {
      close(clients);
    }
  }

  @Test
  void idleSessionsGiveTheirBackendsBackThoughTheBranchIsAwake() throws Exception {
    vela.cli("branch", "create", "shared", "--park-after", "1s", "--suspend-after", "10min").text();
    var clients = connections(5, "shared");
    try (var watcher = vela.connect("shared")) {
      for (var client : clients) {
        execute(client, "SET work_mem = '7MB'");
      }
      var backends = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";

      await().atMost(LIMIT).until(() -> query(watcher, backends).equals("1"));

      assertThat(states("shared").stream().filter(state -> state.equals("parked"))).hasSize(5);
      for (var client : clients) {
        assertThat(query(client, "SHOW work_mem")).isEqualTo("7MB");
      }
      assertThat(vela.state("shared")).isEqualTo("running");
    } finally {
      close(clients);
    }
  }
}
