package io.vela.router.catalog;

import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;

/** Brings the catalogue's schema up to this Vela's. */
public final class Migrations {
  /** The newest of {@code db/migration}. */
  static final String LATEST = "9";

  private Migrations() {}

  /**
   * Migrates, at once when there is nothing to do: Flyway takes most of a second to find that out.
   *
   * @throws RouteException with {@link RouteFailure.CatalogUnavailable}
   */
  public static void migrate(DataSource catalog) throws RouteException {
    try {
      if (!isLatest(catalog)) {
        flyway(catalog).migrate();
      }
    } catch (SQLException | FlywayException e) {
      throw new RouteException(
          new RouteFailure.CatalogUnavailable(String.valueOf(e.getMessage())), e);
    }
  }

  static Flyway flyway(DataSource catalog) {
    return Flyway.configure().dataSource(catalog).locations("classpath:db/migration").load();
  }

  private static boolean isLatest(DataSource catalog) throws SQLException {
    try (var connection = catalog.getConnection();
        var statement = connection.createStatement()) {
      try (var exists =
          statement.executeQuery("select to_regclass('flyway_schema_history') is not null")) {
        if (!exists.next() || !exists.getBoolean(1)) {
          return false;
        }
      }
      try (var last =
          statement.executeQuery(
              "select version, success from flyway_schema_history"
                  + " order by installed_rank desc limit 1")) {
        return last.next() && LATEST.equals(last.getString(1)) && last.getBoolean(2);
      }
    }
  }
}
