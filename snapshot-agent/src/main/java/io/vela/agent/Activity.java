package io.vela.agent;

import java.util.List;

/**
 * What an instance is doing besides serving idle: one entry each for a client backend, walsender,
 * autovacuum worker, parallel worker, subscription worker or other background worker that runs
 * jobs. Postgres's own standing processes (checkpointer, writers, launchers) are not use.
 *
 * @param uses what is in use; empty when the instance may be stopped
 */
public record Activity(List<Use> uses) {
  public Activity {
    uses = List.copyOf(uses);
  }

  /**
   * @param kind {@code pg_stat_activity.backend_type}
   * @param pid the process
   * @param detail for a person: role, database, application, state, query's beginning
   */
  public record Use(String kind, int pid, String detail) {
    private static final String CLIENT_BACKEND = "client backend";

    /** Whether it serves a client that is no WAL receiver. */
    public boolean isClientBackend() {
      return kind.equals(CLIENT_BACKEND);
    }

    @Override
    public String toString() {
      return "%s (pid %d): %s".formatted(kind, pid, detail);
    }
  }
}
