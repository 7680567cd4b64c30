package io.vela.config;

import java.time.Duration;
import java.util.Optional;

/**
 * Bounds on clients' connections, besides {@link ListenerConfig#maxConnections}.
 *
 * @param perBranch how many sessions one branch serves at once; empty for any number
 * @param perAddress how many connections one client address has at once; empty for any number
 * @param keepalive how vanished clients are noticed
 */
public record ConnectionLimits(
    Optional<Integer> perBranch, Optional<Integer> perAddress, Keepalive keepalive) {
  /** Any number of connections; a vanished client is noticed after two minutes. */
  public static final ConnectionLimits DEFAULT =
      new ConnectionLimits(
          Optional.empty(),
          Optional.empty(),
          new Keepalive(Duration.ofSeconds(60), Duration.ofSeconds(10), 6));

  /**
   * @throws IllegalArgumentException for a limit below 1
   */
  public ConnectionLimits {
    if (perBranch.filter(limit -> limit < 1).isPresent()
        || perAddress.filter(limit -> limit < 1).isPresent()) {
      throw new IllegalArgumentException("limits of connections must be at least 1");
    }
  }

  /**
   * TCP keepalive, as Postgres's {@code tcp_keepalives_*}.
   *
   * @param idle silence before the first probe; whole seconds
   * @param interval between probes; whole seconds
   * @param count probes without an answer until the connection counts as broken
   */
  public record Keepalive(Duration idle, Duration interval, int count) {
    // The kernel's own bounds (tcp(7): MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL, MAX_TCP_KEEPCNT).
    private static final long MAX_SECONDS = 32_767;
    private static final int MAX_COUNT = 127;

    /**
     * @throws IllegalArgumentException for what the kernel does not take
     */
    public Keepalive {
      validTime(idle);
      validTime(interval);
      validCount(count);
    }

    static Duration validTime(Duration time) {
      if (time.toSeconds() < 1
          || time.toSeconds() > MAX_SECONDS
          || !time.equals(Duration.ofSeconds(time.toSeconds()))) {
        throw new IllegalArgumentException("expected whole seconds from 1s to 32767s");
      }
      return time;
    }

    static int validCount(int count) {
      if (count < 1 || count > MAX_COUNT) {
        throw new IllegalArgumentException("expected 1 to " + MAX_COUNT);
      }
      return count;
    }
  }
}
