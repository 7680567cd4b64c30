package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Turns off the subscriptions in copied data and lets go of their slots, without speaking to the
 * publisher (Postgres documentation, section 29.2.2, "Replication Slot Management").
 */
final class Subscriptions {
  private static final Logger log = LoggerFactory.getLogger(Subscriptions.class);

  private static final String ALL =
      """
      SELECT d.datname, quote_ident(s.subname)
        FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
       WHERE s.subenabled OR s.subslotname IS NOT NULL
       ORDER BY 1, 2\
      """;

  private record Subscription(String database, String quotedName) {}

  private Subscriptions() {}

  /** Detaches all; no worker may run yet. */
  static void detach(InstanceSql sql, List<String> databases) throws CloneException {
    for (var subscription : sql.ask(databases, Subscriptions::list)) {
      sql.ask(
          List.of(subscription.database()),
          session -> {
            try (var statement = session.createStatement()) {
              var alter = "ALTER SUBSCRIPTION " + subscription.quotedName();
              statement.execute(alter + " DISABLE");
              return statement.execute(alter + " SET (slot_name = NONE)");
            }
          });
      log.info(
          "subscription detached database={} subscription={}",
          subscription.database(),
          subscription.quotedName());
    }
  }

  private static List<Subscription> list(Connection session) throws SQLException {
    var subscriptions = new ArrayList<Subscription>();
    try (var statement = session.createStatement();
        var rows = statement.executeQuery(ALL)) {
      while (rows.next()) {
        subscriptions.add(new Subscription(rows.getString(1), rows.getString(2)));
      }
    }
    return subscriptions;
  }
}
