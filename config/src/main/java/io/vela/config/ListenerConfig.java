package io.vela.config;

import io.vela.config.value.BranchName;
import io.vela.config.value.HostPort;
import java.util.Optional;

/**
 * One address where Postgres clients connect.
 *
 * @param address where to listen
 * @param defaultBranch the branch of a client that names none
 */
public record ListenerConfig(HostPort address, Optional<BranchName> defaultBranch) {
  /** 127.0.0.1:6432 without a default branch. */
  public static final ListenerConfig DEFAULT =
      new ListenerConfig(new HostPort("127.0.0.1", 6432), Optional.empty());
}
