package io.vela.agent.source;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.SourceFailed;
import io.vela.agent.Source;
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
 */
record SourceServer(int major, List<String> tablespaces, List<String> configuration) {
  private static final String INVALID_CATALOG_NAME = "3D000";
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
    try (var session = open(source)) {
      return new SourceServer(
          session.getMetaData().getDatabaseMajorVersion(),
          column(session, TABLESPACES),
          column(session, CONFIGURATION));
    } catch (SQLException e) {
      throw new CloneException(
          new SourceFailed(
              "%s could not be asked: %s"
                  .formatted(source.address(), String.valueOf(e.getMessage()).strip()),
              ""),
          e);
    }
  }

  private static Connection open(Source.Physical source) throws SQLException {
    try {
      return open(source, "postgres");
    } catch (SQLException e) {
      if (INVALID_CATALOG_NAME.equals(e.getSQLState())) {
        return open(source, "template1");
      }
      throw e;
    }
  }

  private static Connection open(Source.Physical source, String database) throws SQLException {
    var properties = new Properties();
    properties.setProperty("user", source.user());
    source.password().ifPresent(password -> properties.setProperty("password", password.reveal()));
    properties.setProperty("ApplicationName", "vela import");
    properties.setProperty("connectTimeout", TIMEOUT_SECONDS);
    properties.setProperty("socketTimeout", TIMEOUT_SECONDS);
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
