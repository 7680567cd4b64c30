package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.it.support.Run;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.postgresql.util.PSQLException;

/** What a client hears whose Postgres is killed, or whose branch is deleted, under it. */
final class InstanceDeathTest {
  private static Scratch scratch;
  private static Vela vela;

  @BeforeAll
  static void start() {
    scratch = new Scratch();
    vela = Vela.start(scratch.data());
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    scratch.close();
  }

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

  private static PSQLException refusal(Connection connection, String sql) {
    try {
      throw new AssertionError("answered: " + query(connection, sql));
    } catch (PSQLException e) {
      return e;
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  /** The postmaster whose data directory it is, and all that it has started. */
  private static void killInstance(String dataDirectory) {
    Predicate<ProcessHandle> serves =
        process -> {
          try {
            return Files.readString(Path.of("/proc/" + process.pid() + "/cmdline"))
                .contains(dataDirectory);
          } catch (IOException e) {
            return false;
          }
        };
    var all =
        ProcessHandle.allProcesses()
            .filter(serves)
            .flatMap(
                process ->
                    java.util.stream.Stream.concat(
                        java.util.stream.Stream.of(process), process.descendants()))
            .map(process -> Long.toString(process.pid()))
            .distinct()
            .toList();
    assertThat(all).isNotEmpty();
    // Stopped first, so that none can say goodbye.
    kill("-STOP", all).text();
    // With the first the kernel may end all others, so that some are gone already.
    kill("-KILL", all);
  }

  private static Run.Outcome kill(String signal, List<String> processes) {
    var command = new java.util.ArrayList<>(List.of("kill", signal));
    command.addAll(processes);
    return Run.program(command.toArray(String[]::new));
  }

  /** Its process id may mean something in its branch only, so a program there sends the signal. */
  private static void killBackend(String branch, String pid) throws SQLException {
    try (var other = connect(branch);
        var statement = other.createStatement()) {
      statement.execute("COPY (SELECT 1) TO PROGRAM 'kill -KILL " + pid + "'");
    } catch (PSQLException e) {
      // Postgres ends all sessions when one of its processes is killed.
      assertThat(e.getSQLState()).isIn("57P02", "38000", "08006");
    }
  }

  @Test
  void anInstanceThatDiesIsToldWithTheLastLinesOfItsLog() throws Exception {
    try (var idle = connect("dies");
        var busy = connect("dies")) {
      var waiting =
          CompletableFuture.supplyAsync(
              () -> refusal(busy, "select pg_sleep(60)"), Thread::startVirtualThread);
      killInstance(query(idle, "show data_directory"));
      for (var told : List.of(refusal(idle, "select 1"), waiting.get(30, TimeUnit.SECONDS))) {
        assertThat(told.getSQLState()).isEqualTo("57P02");
        var error = Objects.requireNonNull(told.getServerErrorMessage());
        assertThat(error.getDetail()).contains("LOG");
      }
    }
    try (var again = connect("dies")) {
      assertThat(query(again, "select 1")).isEqualTo("1");
    }
  }

  @Test
  void aBackendThatDiesAmidAQueryIsTold() throws Exception {
    try (var busy = connect("crashes")) {
      var pid = query(busy, "select pg_backend_pid()");
      var waiting =
          CompletableFuture.supplyAsync(
              () -> refusal(busy, "select pg_sleep(60)"), Thread::startVirtualThread);
      killBackend("crashes", pid);
      assertThat(waiting.get(30, TimeUnit.SECONDS).getSQLState()).isEqualTo("57P02");
    }
  }

  @Test
  void aBranchThatIsDeletedUnderItsClientIsToldSo() throws Exception {
    try (var connected = connect("deleted")) {
      vela.cli("branch", "delete", "deleted", "--force").text();
      assertThatThrownBy(() -> query(connected, "select 1"))
          .isInstanceOfSatisfying(
              SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("57P04"));
    }
  }

  /** The agent ends servers that have neither served nor recovered for twenty seconds. */
  @Test
  void anInstanceThatServesIsLeftAlone() throws Exception {
    try (var connection = vela.connect("serving");
        var statement = connection.createStatement();
        var row = statement.executeQuery("SELECT count(pg_sleep(25)::text)")) {
      assertThat(row.next()).isTrue();
    }
  }
}
