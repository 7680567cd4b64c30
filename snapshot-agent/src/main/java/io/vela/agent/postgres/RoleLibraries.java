package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The libraries that roles and databases load for themselves ({@code ALTER ROLE ... SET}, {@code
 * ALTER DATABASE ... SET}; Postgres documentation, section 53.16, "pg_db_role_setting"). They come
 * before the command line, so the guard cannot override them, and a missing one ends every login.
 */
final class RoleLibraries {
  private static final Logger log = LoggerFactory.getLogger(RoleLibraries.class);

  private static final String ALL =
      """
      SELECT CASE s.setrole WHEN 0 THEN 'ALL' ELSE quote_ident(r.rolname) END
             || CASE s.setdatabase WHEN 0 THEN ''
                ELSE ' IN DATABASE ' || quote_ident(d.datname) END,
             split_part(entry, '=', 1),
             substr(entry, strpos(entry, '=') + 1)
        FROM pg_catalog.pg_db_role_setting s
        CROSS JOIN LATERAL unnest(s.setconfig) AS entry
        LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
        LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
       WHERE split_part(entry, '=', 1) IN ('%s', '%s')
         AND (s.setrole = 0 OR r.oid IS NOT NULL)
         AND (s.setdatabase = 0 OR d.oid IS NOT NULL)
       ORDER BY 1, 2\
      """
          .formatted(PreloadFilter.SESSION, PreloadFilter.LOCAL);

  /**
   * @param whose as {@code ALTER ROLE} names it, quoted
   */
  private record Entry(String whose, String setting, List<String> libraries) {}

  private RoleLibraries() {}

  /** Takes out of the settings what a clone does not load. */
  static void removeMissing(InstanceSql sql, List<String> databases, PreloadFilter filter)
      throws CloneException {
    sql.ask(
        databases,
        session -> {
          var entries = list(session);
          try (var statement = session.createStatement()) {
            for (var entry : entries) {
              var kept = filter.kept(entry.setting(), entry.libraries());
              if (!kept.equals(entry.libraries())) {
                statement.execute(change(statement, entry, kept));
                log.warn(
                    "libraries of a role not loaded in clones role={} setting={} from={} to={}",
                    entry.whose(),
                    entry.setting(),
                    entry.libraries(),
                    kept);
              }
            }
          }
          return entries.size();
        });
  }

  private static String change(Statement statement, Entry entry, List<String> kept)
      throws SQLException {
    var change = "ALTER ROLE " + entry.whose();
    if (kept.isEmpty()) {
      return change + " RESET " + entry.setting();
    }
    var values = new ArrayList<String>();
    for (var name : kept) {
      values.add(statement.enquoteLiteral(name));
    }
    return change
        + values.stream().collect(Collectors.joining(", ", " SET " + entry.setting() + " = ", ""));
  }

  private static List<Entry> list(Connection session) throws SQLException {
    var entries = new ArrayList<Entry>();
    try (var statement = session.createStatement();
        var rows = statement.executeQuery(ALL)) {
      while (rows.next()) {
        entries.add(
            new Entry(
                rows.getString(1), rows.getString(2), PreloadFilter.elements(rows.getString(3))));
      }
    }
    return entries;
  }
}
