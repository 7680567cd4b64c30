package io.vela.agent.postgres;

import io.vela.agent.Activity;
import io.vela.agent.Activity.Use;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;

/**
 * Reads what an instance is busy with from {@code pg_stat_activity} (Postgres documentation,
 * section 27.2.3). Every kind of process counts but those that Postgres 14 to 18 always runs; what
 * is not known keeps a branch awake and is named, rather than stopped at its work. Prepared
 * transactions have no process and survive a stop.
 */
final class ActivityReader {
  private static final String USES =
      """
      SELECT backend_type, pid,
             concat_ws(' ',
                       'role=' || usename, 'database=' || datname,
                       'application=' || nullif(application_name, ''), 'state=' || state,
                       'query=' || nullif(left(regexp_replace(query, '\\s+', ' ', 'g'), 100), ''))
        FROM pg_catalog.pg_stat_activity
       WHERE backend_type NOT IN (
               'archiver', 'autovacuum launcher', 'background writer', 'checkpointer',
               'io worker', 'logical replication launcher', 'slotsync worker', 'startup',
               'walsummarizer', 'walwriter',
               -- contrib's and pg_cron's own standing processes
               'autoprewarm leader', 'pg_cron launcher')
         AND pid <> pg_backend_pid()
         -- a subscription whose publisher does not answer would try for ever
         AND NOT (backend_type = 'logical replication apply worker'
                  AND lower(coalesce(wait_event, '')) = 'libpqwalreceiverconnect')
         AND NOT (backend_type IN ('client backend', 'walsender') AND application_name = '%s'
                  AND usename = current_user)
       ORDER BY pid\
      """
          .formatted(InstanceSql.APPLICATION);

  private ActivityReader() {}

  static Activity read(Connection session) throws SQLException {
    var uses = new ArrayList<Use>();
    try (var statement = session.createStatement();
        var rows = statement.executeQuery(USES)) {
      while (rows.next()) {
        uses.add(new Use(rows.getString(1), rows.getInt(2), rows.getString(3)));
      }
    }
    return new Activity(uses);
  }
}
