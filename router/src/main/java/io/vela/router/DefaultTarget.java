package io.vela.router;

import io.vela.agent.Contents;
import io.vela.agent.Contents.Database;
import io.vela.agent.Role;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Which role and database a connection string names when nobody said. The database is the only one
 * besides {@code postgres} and {@code template1}, else {@code postgres}. The role is one that may
 * log in and is no superuser: the owner of that database, else the role of the database's name,
 * else the oldest. Where there is none it is the superuser.
 */
record DefaultTarget(String role, String database) {
  private static final String POSTGRES = "postgres";
  private static final Set<String> SYSTEM = Set.of(POSTGRES, "template1");

  static DefaultTarget of(Contents contents) {
    var others = contents.databases().stream().filter(db -> !SYSTEM.contains(db.name())).toList();
    var only = others.size() == 1 ? Optional.of(others.getFirst()) : Optional.<Database>empty();
    return new DefaultTarget(
        role(contents, only).orElse(contents.superuser()),
        only.map(Database::name).orElse(POSTGRES));
  }

  private static Optional<String> role(Contents contents, Optional<Database> database) {
    var ordinary = contents.roles().stream().filter(DefaultTarget::isOrdinary).toList();
    return database.stream()
        .flatMap(db -> Stream.of(db.owner(), db.name()))
        .filter(name -> names(ordinary).anyMatch(name::equals))
        .findFirst()
        .or(() -> names(ordinary).findFirst());
  }

  private static boolean isOrdinary(Role role) {
    return role.canLogin() && !role.superuser();
  }

  private static Stream<String> names(List<Role> roles) {
    return roles.stream().map(Role::name);
  }
}
