package io.vela.proxy.cancel;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Counts cancel requests that have a live session's process id and a wrong secret. Protocol 3.0 has
 * secrets of 32 bits only, and process ids are easy to guess: an address that is wrong more than a
 * few times is not listened to for a while, so that trying all of them takes centuries. Requests
 * that merely come too late have the process id of no session and do not count. Safe for use from
 * any thread.
 */
final class CancelGuesses {
  /** More wrong ones than this in a window, and an address is not listened to. */
  static final int LIMIT = 10;

  static final Duration WINDOW = Duration.ofMinutes(1);

  /** Addresses counted in one window; an attacker with more gains little by it. */
  private static final int MAX_ADDRESSES = 10_000;

  /** A host has its choice of the addresses of an IPv6 network of this many bytes. */
  private static final int IPV6_NETWORK_BYTES = 8;

  private static final String NOT_IP = "-";

  private final InstantSource clock;
  private final ConcurrentHashMap<String, Integer> wrong = new ConcurrentHashMap<>();
  private Instant windowEnd = Instant.MIN;

  CancelGuesses(InstantSource clock) {
    this.clock = clock;
  }

  /** Whether an address has been wrong too often. */
  boolean isBlocked(Optional<InetAddress> from) {
    turnWindow();
    return wrong.getOrDefault(network(from), 0) >= LIMIT;
  }

  void wrong(Optional<InetAddress> from) {
    turnWindow();
    var network = network(from);
    if (wrong.size() < MAX_ADDRESSES || wrong.containsKey(network)) {
      wrong.merge(network, 1, Integer::sum);
    }
  }

  private synchronized void turnWindow() {
    var now = clock.instant();
    if (!now.isBefore(windowEnd)) {
      windowEnd = now.plus(WINDOW);
      wrong.clear();
    }
  }

  private static String network(Optional<InetAddress> from) {
    return from.map(
            address ->
                address instanceof Inet6Address
                    ? HexFormat.of()
                        .formatHex(Arrays.copyOf(address.getAddress(), IPV6_NETWORK_BYTES))
                    : address.getHostAddress())
        .orElse(NOT_IP);
  }
}
