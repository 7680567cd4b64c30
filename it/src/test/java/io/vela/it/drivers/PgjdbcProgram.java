package io.vela.it.drivers;

import static io.vela.it.drivers.Checks.branch;
import static io.vela.it.drivers.Checks.contains;
import static io.vela.it.drivers.Checks.database;
import static io.vela.it.drivers.Checks.databaseOfBranch;
import static io.vela.it.drivers.Checks.failure;
import static io.vela.it.drivers.Checks.given;
import static io.vela.it.drivers.Checks.same;
import static io.vela.it.drivers.Checks.user;

import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import org.postgresql.PGConnection;
import org.postgresql.PGStatement;
import org.postgresql.util.PSQLException;

/** pgjdbc. Names of servers are found in the file that {@code jdk.net.hosts.file} names. */
final class PgjdbcProgram {
  private PgjdbcProgram() {}

  /** Runs the checks. */
  public static void main(String[] args) {
    new Checks()
        .add("database-name", () -> inBranch(Map.of()))
        .add(
            "option",
            () -> inBranch(Map.of("PGDBNAME", database(), "options", "branch=" + branch())))
        .add("option-setting", PgjdbcProgram::optionSetting)
        .add(
            "server-name",
            () -> {
              var name = given("VELA_SERVER_NAME");
              inBranch(
                  tls(Map.of("PGDBNAME", database(), "PGHOST", name, "sslmode", "verify-full")));
            })
        .add("token-user", () -> inBranch(token(Map.of())))
        .add("token-bearer", PgjdbcProgram::tokenBearer)
        .add("token-binding", () -> inBranch(token(tls(Map.of("channelBinding", "require")))))
        .add("no-branch", () -> refused("3D000", Map.of("PGDBNAME", database())))
        .add("wrong-password", () -> refused("28P01", Map.of("password", "wrong")))
        .add("scram-plus", () -> inBranch(tls(Map.of("channelBinding", "require"))))
        .add("md5", PgjdbcProgram::md5)
        .add(
            "tls-disable",
            () -> {
              inBranch(Map.of("sslmode", "disable"));
              refused("28000", Map.of("sslmode", "disable", "PGPORT", given("VELA_TLS_PORT")));
            })
        .add("tls-require", () -> inBranch(tls(Map.of())))
        .add("tls-verify-full", PgjdbcProgram::tlsVerifyFull)
        .add("tls-direct", () -> inBranch(tls(Map.of("sslNegotiation", "direct"))))
        .add("prepared", PgjdbcProgram::prepared)
        .add("copy-in", PgjdbcProgram::copyIn)
        .add("copy-out", PgjdbcProgram::copyOut)
        .add("listen", () -> listen(false))
        .add("listen-process", () -> listen(true))
        .add("cancel", () -> cancel(Map.of()))
        .add("cancel-tls", () -> cancel(tls(Map.of())))
        .add("errors", PgjdbcProgram::errors)
        .run();
  }

  private static Connection connect(Map<String, String> settings) throws SQLException {
    var all = new HashMap<String, String>();
    all.putAll(
        Map.of(
            "user", user(),
            "password", given("VELA_PASSWORD"),
            "PGHOST", "localhost",
            "PGPORT", given("VELA_PORT"),
            "PGDBNAME", databaseOfBranch(),
            "sslmode", "disable",
            "sslrootcert", given("VELA_CA"),
            "loginTimeout", Integer.toString(Checks.SECONDS)));
    all.putAll(settings);
    var url =
        "jdbc:postgresql://%s:%s/%s"
            .formatted(all.remove("PGHOST"), all.remove("PGPORT"), all.remove("PGDBNAME"));
    var properties = new Properties();
    properties.putAll(all);
    return DriverManager.getConnection(url, properties);
  }

  private static Map<String, String> tls(Map<String, String> settings) {
    var all = new HashMap<>(Map.of("sslmode", "require", "PGPORT", given("VELA_TLS_PORT")));
    all.putAll(settings);
    return all;
  }

  private static Map<String, String> token(Map<String, String> settings) {
    var all = new HashMap<>(settings);
    all.put("PGDBNAME", database());
    all.put("user", Checks.tokenUser());
    all.put("password", Checks.tokenSecret());
    return all;
  }

  private static String value(Connection connection, String sql) throws SQLException {
    try (var statement = connection.createStatement();
        var rows = statement.executeQuery(sql)) {
      rows.next();
      return rows.getString(1);
    }
  }

  private static void inBranch(Map<String, String> settings) throws SQLException {
    try (var connection = connect(settings)) {
      same(value(connection, "SELECT name FROM marker"), branch());
      same(value(connection, "SELECT current_user"), user());
    }
  }

  private static void refused(String sqlState, Map<String, String> settings) {
    var refusal = failure(() -> connect(settings).close());
    same(refusal instanceof SQLException e ? e.getSQLState() : refusal, sqlState);
  }

  private static void optionSetting() throws SQLException {
    var setting = "-c vela.branch=" + branch();
    inBranch(Map.of("PGDBNAME", database(), "options", setting));
    try (var connection =
        connect(Map.of("PGDBNAME", database(), "options", "-c work_mem=7MB " + setting))) {
      same(value(connection, "SHOW work_mem"), "7MB");
    }
  }

  private static void tokenBearer() throws SQLException {
    var bearer = Checks.bearer();
    inBranch(Map.of("PGDBNAME", database() + "@" + bearer, "password", ""));
    inBranch(Map.of("PGDBNAME", database(), "options", "branch=" + bearer, "password", ""));
  }

  private static void md5() throws SQLException {
    try (var connection = connect(Map.of("user", "old", "password", "old"))) {
      same(value(connection, "SELECT current_user"), "old");
    }
  }

  private static void tlsVerifyFull() throws SQLException {
    var full = new HashMap<>(tls(Map.of("sslmode", "verify-full")));
    inBranch(full);
    full.put("PGHOST", "elsewhere.test");
    contains(failure(() -> connect(full).close()), "could not be verified");
    full.put("PGHOST", "localhost");
    full.put("sslrootcert", given("VELA_OTHER_CA"));
    contains(failure(() -> connect(full).close()), "unable to find valid certification path");
  }

  private static void prepared() throws SQLException {
    try (var connection = connect(Map.of("prepareThreshold", "1"));
        var statement = connection.prepareStatement("SELECT ?::int + 40")) {
      for (int number = 1; number <= 3; number++) {
        statement.setInt(1, number);
        try (var rows = statement.executeQuery()) {
          rows.next();
          same(rows.getInt(1), number + 40);
        }
      }
      same(statement.unwrap(PGStatement.class).isUseServerPrepare(), true);
      var known = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%+ 40'";
      same(value(connection, known), "1");
    }
  }

  private static void copyIn() throws Exception {
    try (var connection = connect(Map.of())) {
      var copy = connection.unwrap(PGConnection.class).getCopyAPI();
      same(copy.copyIn("COPY filled FROM STDIN", new StringReader(Checks.rows())), 10_000L);
      same(value(connection, "SELECT max(id) FROM filled"), "9999");
    }
  }

  private static void copyOut() throws Exception {
    try (var connection = connect(Map.of())) {
      var copy = connection.unwrap(PGConnection.class).getCopyAPI();
      var out = new StringWriter();
      copy.copyOut("COPY (SELECT generate_series(1, 10000)) TO STDOUT", out);
      same(out.toString().lines().mapToInt(Integer::parseInt).sum(), 50_005_000);
    }
  }

  private static void listen(boolean process) throws SQLException {
    try (var connection = connect(Map.of());
        var other = connect(Map.of());
        var statement = connection.createStatement()) {
      statement.execute("LISTEN news");
      value(other, "SELECT pg_notify('news', 'hello')");
      var heard = connection.unwrap(PGConnection.class).getNotifications(Checks.SECONDS * 1000)[0];
      same(heard.getName() + " " + heard.getParameter(), "news hello");
      if (process) {
        same(heard.getPID(), other.unwrap(PGConnection.class).getBackendPID());
      }
    }
  }

  private static void cancel(Map<String, String> settings) throws Exception {
    try (var connection = connect(settings);
        var other = connect(Map.of());
        var statement = connection.createStatement()) {
      var failed =
          CompletableFuture.supplyAsync(
              () -> failure(() -> statement.execute("SELECT pg_sleep(30)")));
      Checks.untilAsleep(sql -> Long.parseLong(value(other, sql)));
      statement.cancel();
      same(failed.get() instanceof SQLException e ? e.getSQLState() : "", "57014");
      same(value(connection, "SELECT 1"), "1");
    }
  }

  private static void errors() throws SQLException {
    try (var connection = connect(Map.of())) {
      var twice = error(connection, "INSERT INTO marker SELECT name FROM marker RETURNING name");
      same(twice.getSQLState(), "23505");
      same(String.valueOf(twice.getServerErrorMessage()).contains("marker_pkey"), true);
      same(error(connection, "SELECT * FROM no_such_table").getSQLState(), "42P01");
      same(error(connection, "SELECT 'x'::int").getSQLState(), "22P02");
      same(value(connection, "SELECT 1"), "1");
    }
  }

  private static PSQLException error(Connection connection, String sql) {
    if (failure(() -> value(connection, sql)) instanceof PSQLException e) {
      return e;
    }
    throw new AssertionError("another error");
  }
}
