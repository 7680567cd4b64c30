package io.vela.agent.postgres;

import io.vela.agent.Activity;
import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.QueryFailed;
import io.vela.agent.Contents;
import io.vela.agent.Endpoint;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

/**
 * The agent's own SQL on an instance, over its socket as a superuser. Blocks: call it on a virtual
 * thread.
 */
public final class InstanceSql {
  /** {@code application_name} of the agent's own sessions, which never count as use. */
  public static final String APPLICATION = "vela";

  /**
   * What holds from the first moment of a session, whatever a role, a database or a file sets.
   * Their own libraries may be missing here, and then nobody could log in.
   */
  private static final String MOST_OF_AN_ANSWER = "32M";

  private static final String FROM_THE_BEGINNING =
      "-c session_preload_libraries= -c local_preload_libraries= -c post_auth_delay=0 ";

  private static final String INVALID_CATALOG_NAME = "3D000";
  private static final String TOO_MANY_CONNECTIONS = "53300";
  private static final int TIMEOUT_SECONDS = 30;

  private final Endpoint.UnixSocket endpoint;
  private final String superuser;
  private final int major;

  /**
   * @param major Postgres's major version
   * @param superuser a superuser that may log in
   */
  public InstanceSql(Endpoint.UnixSocket endpoint, int major, String superuser) {
    this.endpoint = endpoint;
    this.superuser = superuser;
    this.major = major;
  }

  /** What is done with a session. */
  @FunctionalInterface
  public interface Work<T> {
    /** Uses the session, which is closed afterwards. */
    T on(Connection session) throws SQLException;
  }

  /**
   * Does something in a session that nothing in the data can change or watch: names mean the
   * catalogue's, triggers do not fire, and no role's settings hold.
   *
   * @param databases those to try, in order: any may have been dropped in the meantime
   */
  public <T> T ask(List<String> databases, Work<T> work) throws CloneException {
    for (int i = 0; ; i++) {
      try (var session = open(databases.get(i), unwatched(), TIMEOUT_SECONDS, false)) {
        return work.on(session);
      } catch (SQLException e) {
        if (!INVALID_CATALOG_NAME.equals(e.getSQLState()) || i == databases.size() - 1) {
          throw failed(databases.get(i), e);
        }
      }
    }
  }

  private String unwatched() {
    return "-c role=none -c search_path=pg_catalog -c session_replication_role=replica"
        + " -c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0"
        + " -c idle_session_timeout=0 -c idle_in_transaction_session_timeout=0"
        + (major >= 17 ? " -c event_triggers=off -c transaction_timeout=0" : "");
  }

  /**
   * Opens a session like those of {@link #ask} to be kept for a while. It takes a WAL sender's
   * place where one is free, and not one of the branch's {@code max_connections} (Postgres
   * documentation, section 19.6.1): as many clients get in as without it.
   *
   * @param timeout for each answer, in whole seconds
   */
  Connection open(List<String> databases, Duration timeout) throws SQLException {
    boolean walSender = true;
    int i = 0;
    while (true) {
      try {
        return open(databases.get(i), unwatched(), (int) timeout.toSeconds(), walSender);
      } catch (SQLException e) {
        if (walSender && TOO_MANY_CONNECTIONS.equals(e.getSQLState())) {
          walSender = false;
        } else if (INVALID_CATALOG_NAME.equals(e.getSQLState()) && i < databases.size() - 1) {
          i++;
        } else {
          throw e;
        }
      }
    }
  }

  /**
   * The databases to ask, best first: {@code postgres} is in nobody's way, while a session in a
   * template delays {@code CREATE DATABASE}.
   */
  public static List<String> databases(Contents contents) {
    var names = new ArrayList<String>();
    names.add("postgres");
    contents.databases().stream()
        .map(Contents.Database::name)
        .filter(name -> !name.equals("postgres") && !name.equals("template1"))
        .forEach(names::add);
    names.add("template1");
    return names;
  }

  /** Reads roles and databases. */
  public Contents contents(List<String> databases) throws CloneException {
    return ask(databases, session -> ContentsReader.read(session, major, superuser));
  }

  /** Reads what keeps the instance busy. */
  public Activity activity(List<String> databases) throws CloneException {
    return ask(databases, ActivityReader::read);
  }

  /** Ends the backends of clients that have not been at rest for more than a second. */
  public void endStatements(List<String> databases) throws CloneException {
    ask(
        databases,
        session -> {
          try (var statement = session.createStatement()) {
            return statement.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    + " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                    + " AND state <> 'idle' AND xact_start < clock_timestamp() - interval '1 s'");
          }
        });
  }

  /**
   * Runs a script in an ordinary session of the superuser, without a limit on its time.
   *
   * @param sql one or more statements
   * @throws InterruptedException when the calling thread was interrupted; the script was cancelled
   */
  public void run(String database, String sql) throws CloneException, InterruptedException {
    try (var session = open(database, "", 0, false);
        var statement = session.createStatement()) {
      CancellableStatement.run(statement, sql);
    } catch (SQLException e) {
      throw failed(database, e);
    }
  }

  private Connection open(String database, String options, int timeoutSeconds, boolean walSender)
      throws SQLException {
    var properties = new Properties();
    properties.setProperty("user", superuser);
    properties.setProperty("ApplicationName", APPLICATION);
    properties.setProperty("options", FROM_THE_BEGINNING + options);
    properties.setProperty("socketFactory", "org.newsclub.net.unix.AFUNIXSocketFactory$FactoryArg");
    properties.setProperty("socketFactoryArg", endpoint.socket());
    properties.setProperty("sslMode", "disable");
    properties.setProperty("gssEncMode", "disable");
    properties.setProperty("preferQueryMode", "simple");
    // What a branch's superuser has written into catalogs must not fill Vela's memory.
    properties.setProperty("maxResultBuffer", MOST_OF_AN_ANSWER);
    if (walSender) {
      properties.setProperty("replication", "database");
      properties.setProperty("assumeMinServerVersion", "14");
    }
    properties.setProperty("connectTimeout", String.valueOf(TIMEOUT_SECONDS));
    properties.setProperty("socketTimeout", String.valueOf(timeoutSeconds));
    var url = "jdbc:postgresql://localhost/" + URLEncoder.encode(database, StandardCharsets.UTF_8);
    return DriverManager.getConnection(url, properties);
  }

  static CloneException failed(String database, SQLException e) {
    return new CloneException(
        new QueryFailed(
            "database %s: %s".formatted(database, String.valueOf(e.getMessage()).strip())),
        e);
  }
}
