package io.vela.agent;

import io.vela.config.value.HostPort;
import io.vela.config.value.Secret;
import java.util.List;
import java.util.Optional;

/** Where the data of a new snapshot comes from. */
public sealed interface Source {
  /**
   * A new cluster (superuser {@code postgres}, UTF-8, C.UTF-8 or C locale, checksums), then SQL.
   *
   * @param major Postgres's major version
   * @param seed scripts to run in order before it is frozen
   */
  record Empty(int major, List<Script> seed) implements Source {
    public Empty {
      seed = List.copyOf(seed);
    }
  }

  /**
   * SQL to run as superuser.
   *
   * @param database where
   * @param sql one or more statements
   */
  record Script(String database, String sql) {}

  /**
   * A stopped data directory on the agent's host. It is copied, never changed.
   *
   * @param path the folder that holds {@code PG_VERSION}
   */
  record Directory(String path) implements Source {}

  /**
   * A running server, copied with {@code pg_basebackup}.
   *
   * @param address its host and port
   * @param user a role that may replicate
   * @param password its password, when it needs one
   */
  record Physical(HostPort address, String user, Optional<Secret> password) implements Source {}
}
