package io.vela.agent.source;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.SourceFailed;
import io.vela.agent.Source;
import io.vela.agent.Source.TlsMode;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

/**
 * What a running server says about itself before it is copied.
 *
 * @param major its major version
 * @param tablespaces its tablespaces besides the built-in ones
 * @param configuration its settings from configuration files, as lines of {@code postgresql.conf}:
 *     Debian keeps that file where pg_basebackup does not copy it
 * @param tls what the connection had, which the next one must have too: {@link TlsMode#DISABLE}
 *     when it was not encrypted
 */
record SourceServer(int major, List<String> tablespaces, List<String> configuration, TlsMode tls) {
  private static final String INVALID_CATALOG_NAME = "3D000";

  /** The server offers no TLS. */
  private static final String CONNECTION_REJECTED = "08004";

  /** As when its rules of access have no line for a connection with TLS, or without. */
  private static final String INVALID_AUTHORIZATION = "28000";

  /** What it answers may be anything, and must not fill Vela's memory. */
  private static final String MOST_BYTES = "16M";

  private static final String TIMEOUT_SECONDS = "15";

  private static final String TABLESPACES =
      "SELECT spcname FROM pg_catalog.pg_tablespace"
          + " WHERE spcname NOT IN ('pg_default', 'pg_global') ORDER BY 1";

  /**
   * Quoted as that file wants it (Postgres documentation, section 19.1.2). Those of {@code
   * postgresql.auto.conf} are copied with the data.
   */
  private static final String CONFIGURATION =
      """
      SELECT name || ' = ''' || replace(replace(setting, '\\', '\\\\'), '''', '''''') || ''''
        FROM pg_catalog.pg_settings
       WHERE source = 'configuration file'
         AND coalesce(sourcefile, '') NOT LIKE '%postgresql.auto.conf'
         AND name NOT IN ('config_file', 'data_directory', 'hba_file', 'ident_file')
         AND name NOT LIKE 'ssl%'
       ORDER BY name\
      """;

  /** Asks the server. Blocks: call it on a virtual thread. */
  static SourceServer ask(Source.Physical source) throws CloneException {
    try {
      return ask(source, attempts(source.tls().mode()));
    } catch (SQLException e) {
      throw new CloneException(
          new SourceFailed(
              "%s could not be asked: %s"
                  .formatted(source.address(), String.valueOf(e.getMessage()).strip()),
              ""),
          e);
    }
  }

  /** Which modes are tried one after another; each either encrypts or does not. */
  private static List<TlsMode> attempts(TlsMode mode) {
    return switch (mode) {
      case DISABLE, REQUIRE, VERIFY_CA, VERIFY_FULL -> List.of(mode);
      case ALLOW -> List.of(TlsMode.DISABLE, TlsMode.REQUIRE);
      case PREFER -> List.of(TlsMode.REQUIRE, TlsMode.DISABLE);
    };
  }

  private static SourceServer ask(Source.Physical source, List<TlsMode> attempts)
      throws SQLException {
    var mode = attempts.getFirst();
    try (var session = open(source, mode)) {
      return new SourceServer(
          session.getMetaData().getDatabaseMajorVersion(),
          column(session, TABLESPACES),
          column(session, CONFIGURATION),
          mode);
    } catch (SQLException e) {
      var state = e.getSQLState();
      if (attempts.size() > 1
          && (CONNECTION_REJECTED.equals(state) || INVALID_AUTHORIZATION.equals(state))) {
        return askNext(source, attempts, e);
      }
      throw e;
    }
  }

  private static SourceServer askNext(
      Source.Physical source, List<TlsMode> attempts, SQLException first) throws SQLException {
    try {
      return ask(source, attempts.subList(1, attempts.size()));
    } catch (SQLException e) {
      e.addSuppressed(first);
      throw e;
    }
  }

  private static Connection open(Source.Physical source, TlsMode mode) throws SQLException {
    try {
      return open(source, mode, "postgres");
    } catch (SQLException e) {
      if (INVALID_CATALOG_NAME.equals(e.getSQLState())) {
        return open(source, mode, "template1");
      }
      throw e;
    }
  }

  private static Connection open(Source.Physical source, TlsMode mode, String database)
      throws SQLException {
    var properties = new Properties();
    properties.setProperty("user", source.user());
    source.password().ifPresent(password -> properties.setProperty("password", password.reveal()));
    properties.setProperty("ApplicationName", "vela import");
    properties.setProperty("connectTimeout", TIMEOUT_SECONDS);
    properties.setProperty("socketTimeout", TIMEOUT_SECONDS);
    properties.setProperty("maxResultBuffer", MOST_BYTES);
    properties.setProperty("sslmode", mode.toString());
    var tls = source.tls();
    tls.rootCertificate().ifPresent(file -> properties.setProperty("sslrootcert", file));
    tls.certificate().ifPresent(file -> properties.setProperty("sslcert", file));
    tls.key().ifPresent(file -> properties.setProperty("sslkey", file));
    return DriverManager.getConnection(
        "jdbc:postgresql://%s/%s".formatted(source.address(), database), properties);
  }

  private static List<String> column(Connection session, String query) throws SQLException {
    var values = new ArrayList<String>();
    try (var statement = session.createStatement();
        var rows = statement.executeQuery(query)) {
      while (rows.next()) {
        values.add(rows.getString(1));
      }
    }
    return values;
  }
}
