package io.vela.router;

import io.vela.agent.Contents;

/**
 * Which role and database a connection string names when nobody said: the only database besides
 * {@code postgres} and its owner, else {@code postgres} and the superuser.
 */
record DefaultTarget(String role, String database) {
  private static final String POSTGRES = "postgres";

  static DefaultTarget of(Contents contents) {
    var others = contents.databases().stream().filter(db -> !db.name().equals(POSTGRES)).toList();
    return others.size() == 1
        ? new DefaultTarget(others.getFirst().owner(), others.getFirst().name())
        : new DefaultTarget(contents.superuser(), POSTGRES);
  }
}
