package io.vela.router;

import io.vela.agent.Contents;

/**
 * Which role and database a connection string names when nobody said: the only database besides
 * {@code postgres} and {@code template1}, and its owner, else {@code postgres} and the superuser.
 */
record DefaultTarget(String role, String database) {
  private static final String POSTGRES = "postgres";
  private static final java.util.Set<String> SYSTEM = java.util.Set.of(POSTGRES, "template1");

  static DefaultTarget of(Contents contents) {
    var others = contents.databases().stream().filter(db -> !SYSTEM.contains(db.name())).toList();
    return others.size() == 1
        ? new DefaultTarget(others.getFirst().owner(), others.getFirst().name())
        : new DefaultTarget(contents.superuser(), POSTGRES);
  }
}
