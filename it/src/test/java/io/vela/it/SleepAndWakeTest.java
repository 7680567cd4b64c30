package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Branches sleep when nobody uses them, wake for the next client, and crowds are served. */
final class SleepAndWakeTest {
  private static Scratch scratch;
  private static Vela vela;

  @BeforeAll
  static void start() throws Exception {
    scratch = new Scratch();
    var config = scratch.folder().resolve("vela.yaml");
    Files.writeString(
        config,
        """
        baselines:
          main:
            branches:
              suspend-after: 1s
        """);
    vela = Vela.start(scratch.data(), "--config", config.toString());
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    scratch.close();
  }

  /** Connects as the superuser. */
  private static Connection connect(String branch) throws SQLException {
    var login = vela.superuser();
    return vela.connect(login.user(), login.password(), "postgres@" + branch);
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
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofMillis(200))
        .until(() -> vela.state(branch).equals(state));
  }

  @Test
  void anUnusedBranchSleepsAndTheNextConnectionWakesItWithItsUnloggedTables() throws Exception {
    try (var connection = connect("sleeper")) {
      execute(connection, "CREATE UNLOGGED TABLE kept AS SELECT 11 AS n");
    }

    awaitState("sleeper", "suspended");

    try (var connection = connect("sleeper")) {
      assertThat(query(connection, "SELECT n FROM kept")).isEqualTo("11");
    }
    assertThat(vela.metric("^vela_branch_suspends_total\\{.*outcome=\"ok\"")).isPositive();
    assertThat(vela.metric("^vela_branch_wake_seconds_count\\{.*kind=\"wake\"")).isPositive();
  }

  @Test
  void anOpenConnectionKeepsItAwakeAndWhyNamesIt() throws Exception {
    try (var connection = connect("awake")) {
      var asleep =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return query(connection, "SELECT pg_sleep(8)::text");
                } catch (SQLException e) {
                  throw new CompletionException(e);
                }
              });
      await()
          .atMost(Duration.ofSeconds(7))
          .until(() -> vela.cli("why", "awake").text().contains("postgres"));
      assertThat(vela.state("awake")).isEqualTo("running");
      assertThat(asleep.join()).isEmpty();
    }
    awaitState("awake", "suspended");
  }

  @Test
  void aBackendsOwnWorkCountsAsUse() throws Exception {
    // The client goes away in the middle of a query; its backend goes on until the query ends.
    try (var socketOwner = connect("worker")) {
      var pid = query(socketOwner, "SELECT pg_backend_pid()");
      assertThat(pid).isNotEmpty();
      var abandoned =
          Executors.newSingleThreadExecutor()
              .submit(
                  () -> {
                    try (var statement = socketOwner.createStatement()) {
                      statement.execute("SELECT pg_sleep(6)");
                    } catch (SQLException e) {
                      // the connection is aborted below
                    }
                    return null;
                  });
      await()
          .until(
              () -> {
                try (var other = connect("worker")) {
                  return query(
                          other,
                          "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(6)%'"
                              + " AND pid = "
                              + pid)
                      .equals("1");
                }
              });
      socketOwner.abort(Runnable::run);
      abandoned.get();
    }
    await()
        .during(Duration.ofSeconds(2))
        .atMost(Duration.ofSeconds(4))
        .until(() -> vela.state("worker").equals("running"));
    awaitState("worker", "suspended");
  }

  @Test
  void twoHundredClientsOfAnAbsentBranchCauseOneCloneAndOneStart() throws Exception {
    double creates = vela.metric("^vela_branch_wake_seconds_count\\{.*kind=\"create\"");

    var answers =
        crowd(
            200,
            () -> {
              try (var connection = connect("crowd")) {
                return query(connection, "SELECT 1");
              }
            });

    assertThat(answers).hasSize(200).containsOnly("1");
    assertThat(vela.metric("^vela_branch_wake_seconds_count\\{.*kind=\"create\""))
        .isEqualTo(creates + 1);
  }

  @Test
  void twentyBranchesOfTenClientsEachAreAllServed() throws Exception {
    var answers = new ArrayList<Callable<String>>();
    for (int client = 0; client < 200; client++) {
      var branch = "many-" + client % 20;
      answers.add(
          () -> {
            try (var connection = connect(branch)) {
              return query(connection, "SELECT current_database()");
            }
          });
    }

    assertThat(all(answers)).hasSize(200).containsOnly("postgres");
  }

  @Test
  void clientsThatArriveWhileItIsSuspendingAreServed() throws Exception {
    for (int round = 0; round < 8; round++) {
      try (var connection = connect("tide")) {
        query(connection, "SELECT 1");
      }
      var suspend = vela.startCli("branch", "suspend", "tide", "--force");
      var answers = new ArrayList<String>();
      while (suspend.process().isAlive()) {
        try (var connection = connect("tide")) {
          answers.add(query(connection, "SELECT 1"));
        } catch (SQLException e) {
          // suspended by hand under a connected client: told so, never anything else
          assertThat(e.getSQLState()).isEqualTo("57P01");
        }
      }
      io.vela.it.support.Run.await(suspend);
      assertThat(answers).isNotEmpty().containsOnly("1");
    }
  }

  private static List<String> crowd(int size, Callable<String> client) throws Exception {
    return all(java.util.Collections.nCopies(size, client));
  }

  private static List<String> all(List<Callable<String>> clients) throws Exception {
    try (var threads = Executors.newFixedThreadPool(clients.size())) {
      var answers = new ArrayList<String>();
      for (Future<String> answer : threads.invokeAll(clients)) {
        answers.add(answer.get());
      }
      return answers;
    }
  }
}
