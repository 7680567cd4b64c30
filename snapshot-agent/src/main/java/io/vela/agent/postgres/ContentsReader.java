package io.vela.agent.postgres;

import io.vela.agent.Contents;
import io.vela.agent.Contents.Database;
import io.vela.agent.Role;
import io.vela.config.value.Secret;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads what a running instance holds: roles with their verifiers, and databases. */
final class ContentsReader {
  private static final String ROLES =
      """
      SELECT rolname, rolpassword, rolcanlogin, rolsuper, rolconnlimit,
             rolvaliduntil = 'infinity' AS forever,
             CASE WHEN isfinite(rolvaliduntil) THEN extract(epoch FROM rolvaliduntil) END AS until
        FROM pg_catalog.pg_authid\
      """;

  private static final String DATABASES =
      """
      SELECT d.datname, r.rolname
        FROM pg_catalog.pg_database d JOIN pg_catalog.pg_authid r ON r.oid = d.datdba
       WHERE d.datallowconn ORDER BY d.datname\
      """;

  private ContentsReader() {}

  static Contents read(Connection session, int major, String superuser) throws SQLException {
    return new Contents(major, superuser, roles(session), databases(session));
  }

  private static List<Role> roles(Connection session) throws SQLException {
    var roles = new ArrayList<Role>();
    try (var statement = session.createStatement();
        var rows = statement.executeQuery(ROLES + " ORDER BY oid")) {
      while (rows.next()) {
        roles.add(role(rows));
      }
    }
    return roles;
  }

  /** The roles of these names, as far as there are any. */
  static Map<String, Role> roles(Connection session, Collection<String> names) throws SQLException {
    var roles = new HashMap<String, Role>();
    try (var statement = session.prepareStatement(ROLES + " WHERE rolname = ANY (?)")) {
      statement.setArray(1, session.createArrayOf("text", names.toArray()));
      try (var rows = statement.executeQuery()) {
        while (rows.next()) {
          var role = role(rows);
          roles.put(role.name(), role);
        }
      }
    }
    return roles;
  }

  private static Role role(ResultSet row) throws SQLException {
    return new Role(
        row.getString("rolname"),
        Optional.ofNullable(row.getString("rolpassword")).map(Secret::new),
        row.getBoolean("rolcanlogin"),
        row.getBoolean("rolsuper"),
        row.getInt("rolconnlimit"),
        validUntil(row));
  }

  private static Optional<Instant> validUntil(ResultSet rows) throws SQLException {
    boolean forever = rows.getBoolean("forever");
    if (rows.wasNull()) {
      return Optional.empty();
    }
    if (forever) {
      return Optional.of(Instant.MAX);
    }
    var until = rows.getBigDecimal("until");
    // What is neither forever nor finite is -infinity.
    return Optional.of(
        until == null ? Instant.MIN : Instant.ofEpochMilli(until.movePointRight(3).longValue()));
  }

  private static List<Database> databases(Connection session) throws SQLException {
    var databases = new ArrayList<Database>();
    try (var statement = session.createStatement();
        var rows = statement.executeQuery(DATABASES)) {
      while (rows.next()) {
        databases.add(new Database(rows.getString(1), rows.getString(2)));
      }
    }
    return databases;
  }
}
