package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A thousand clients, each with a session of its own, share a branch of twenty backends. */
final class FewBackendsTest {
  private static final int CLIENTS = 1_000;
  private static final int BACKENDS = 20;
  private static final int AT_ONCE = 40;

  private static Scratch scratch;
  private static Vela vela;

  @BeforeAll
  static void start() throws Exception {
    scratch = new Scratch();
    vela = Vela.start(scratch.data());
    try (var connection = vela.connect("crowded");
        var statement = connection.createStatement()) {
      statement.execute("ALTER SYSTEM SET max_connections = " + BACKENDS);
      statement.execute("ALTER SYSTEM SET superuser_reserved_connections = 0");
      statement.execute("CREATE TABLE answers (client int PRIMARY KEY)");
    }
    vela.cli("branch", "restart", "crowded").text();
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    scratch.close();
  }

  private static Connection client(int number) throws SQLException {
    var connection = vela.connect("crowded");
    try (var statement = connection.createStatement()) {
      statement.execute("SET app.client = '" + number + "'");
    }
    return connection;
  }

  /** What it has set itself, long ago and on another backend. */
  private static int use(Connection client) throws SQLException {
    try (var statement = client.createStatement();
        var row =
            statement.executeQuery(
                "INSERT INTO answers VALUES (current_setting('app.client')::int)"
                    + " RETURNING client, (SELECT count(*) FROM pg_stat_activity"
                    + " WHERE backend_type = 'client backend')")) {
      row.next();
      assertThat(row.getInt(2)).isLessThanOrEqualTo(BACKENDS);
      return row.getInt(1);
    }
  }

  /** As many at once as {@code AT_ONCE}, which is more than there are backends. */
  private static <T> List<T> all(List<Callable<T>> tasks) throws Exception {
    var answers = new ArrayList<T>();
    try (var threads = Executors.newFixedThreadPool(AT_ONCE)) {
      for (var task : threads.invokeAll(tasks)) {
        answers.add(task.get());
      }
    }
    return answers;
  }

  @Test
  void eachIsServedWithItsOwnSession() throws Exception {
    var coming = new ArrayList<Callable<Connection>>();
    for (int i = 0; i < CLIENTS; i++) {
      int number = i;
      coming.add(() -> client(number));
    }
    var clients = all(coming);
    try {
      var uses = new ArrayList<Callable<Integer>>();
      clients.forEach(client -> uses.add(() -> use(client)));

      var answers = all(uses);

      for (int i = 0; i < CLIENTS; i++) {
        assertThat(answers.get(i)).isEqualTo(i);
      }
      assertThat(vela.sessions("crowded")).hasSize(CLIENTS);
    } finally {
      for (var client : clients) {
        client.close();
      }
    }
  }
}
