package io.vela.config;

import io.vela.config.value.BranchName;
import io.vela.config.value.HostPort;
import java.net.InetAddress;
import java.util.Optional;

/**
 * One address where Postgres clients connect.
 *
 * @param address where to listen
 * @param defaultBranch the branch of a client that names none
 * @param auth how clients may prove who they are
 */
public record ListenerConfig(
    HostPort address, Optional<BranchName> defaultBranch, AuthConfig auth) {
  /** 127.0.0.1:6432 without a default branch. */
  public static final ListenerConfig DEFAULT =
      new ListenerConfig(new HostPort("127.0.0.1", 6432), Optional.empty());

  /**
   * @throws IllegalArgumentException when it trusts whoever connects, from anywhere
   */
  public ListenerConfig {
    if (auth.allows(AuthConfig.Method.TRUST) && !isLoopback(address)) {
      throw new IllegalArgumentException(
          "trust is possible on a loopback address only, and " + address + " is none");
    }
  }

  /** One with passwords and tokens. */
  public ListenerConfig(HostPort address, Optional<BranchName> defaultBranch) {
    this(address, defaultBranch, AuthConfig.DEFAULT);
  }

  /** Names are not looked up: what they mean may change. */
  private static boolean isLoopback(HostPort address) {
    try {
      return address.host().equals("localhost")
          || InetAddress.ofLiteral(address.host()).isLoopbackAddress();
    } catch (IllegalArgumentException notLiteral) {
      return false;
    }
  }
}
