package io.vela.agent;

import java.util.List;
import java.util.Optional;

/**
 * What a volume's cluster holds, as last read from it.
 *
 * @param major Postgres's major version
 * @param superuser a superuser that may log in; the agent's own queries run as it
 * @param roles all roles with their password verifiers
 * @param databases all databases that accept connections
 */
public record Contents(int major, String superuser, List<Role> roles, List<Database> databases) {
  public Contents {
    roles = List.copyOf(roles);
    databases = List.copyOf(databases);
  }

  /** The role of that name. */
  public Optional<Role> role(String name) {
    return roles.stream().filter(role -> role.name().equals(name)).findFirst();
  }

  /**
   * @param name {@code datname}
   * @param owner name of the owning role
   */
  public record Database(String name, String owner) {}
}
