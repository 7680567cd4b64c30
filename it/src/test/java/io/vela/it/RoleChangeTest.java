package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.sql.Connection;
import java.sql.SQLException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What is done to a role on a branch counts for the next login, awake and after sleep. */
final class RoleChangeTest {
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

  private static Connection superuser(String branch) throws SQLException {
    var login = vela.superuser();
    return vela.connect(login.user(), login.password(), "postgres@" + branch);
  }

  private static void execute(String branch, String sql) throws SQLException {
    try (var connection = superuser(branch);
        var statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static void letIn(String branch, String password) throws SQLException {
    vela.connect("app", password, "postgres@" + branch).close();
  }

  private static void refused(String branch, String password) {
    assertThatThrownBy(() -> letIn(branch, password))
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("28P01"));
  }

  private static void sleep(String branch) {
    vela.cli("branch", "suspend", branch).text();
    assertThat(vela.state(branch)).isEqualTo("suspended");
  }

  @Test
  void aChangedPasswordCountsAtOnceWhileAwakeAndAfterSleep() throws Exception {
    execute("password", "CREATE ROLE app LOGIN PASSWORD 'first'");
    letIn("password", "first");

    execute("password", "ALTER ROLE app PASSWORD 'second'");
    refused("password", "first");
    letIn("password", "second");

    execute("password", "ALTER ROLE app PASSWORD 'third'");
    sleep("password");
    refused("password", "second");
    assertThat(vela.state("password")).isEqualTo("suspended");
    letIn("password", "third");
  }

  @Test
  void aDroppedRoleIsUnknownWhileAwakeAndAfterSleep() throws Exception {
    execute("dropped", "CREATE ROLE app LOGIN PASSWORD 'right'");
    letIn("dropped", "right");

    execute("dropped", "DROP ROLE app");
    refused("dropped", "right");

    execute("dropped", "CREATE ROLE app LOGIN PASSWORD 'right'");
    letIn("dropped", "right");
    execute("dropped", "DROP ROLE app");
    sleep("dropped");
    refused("dropped", "right");
    assertThat(vela.state("dropped")).isEqualTo("suspended");
  }
}
