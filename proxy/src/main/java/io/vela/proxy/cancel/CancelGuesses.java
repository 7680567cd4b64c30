package io.vela.proxy.cancel;

import com.github.benmanes.caffeine.cache.Ticker;
import io.vela.proxy.guess.DelayedAction;
import io.vela.proxy.guess.GuessLimit;
import io.vela.proxy.guess.GuessLimiter;
import io.vela.proxy.wire.CancelKey;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Bounds how many cancel requests of an address are verified that have a live session's process id
 * and may have a wrong secret. Up to protocol 3.0 secrets have 32 bits only, and process ids are
 * easy to guess. At 32 wrong ones a second it takes one address two years on average to find the
 * key of a session. A request with the right key works all the same: it waits for those ahead of
 * it, for ten seconds at most.
 *
 * <p>Requests that merely come too late have the process id of no session and do not count, nor do
 * those with longer secrets, which nobody guesses. Safe for use from any thread.
 */
final class CancelGuesses {
  static final GuessLimit PACE =
      new GuessLimit(10, Duration.ofMillis(100), Duration.ofSeconds(1), 32, 320);

  private static final int MOST_NETWORKS = 50_000;

  /** Trying all secrets of this many bytes is out of reach, at whatever pace. */
  private static final int UNGUESSABLE_BYTES = 12;

  /** A host has its choice of the addresses of an IPv6 network of this many bytes. */
  private static final int IPV6_NETWORK_BYTES = 8;

  private static final String NOT_IP = "-";

  private final GuessLimiter<String> networks;

  /** On the system's monotonic clock. */
  CancelGuesses() {
    this(Ticker.systemTicker(), DelayedAction.SYSTEM);
  }

  /**
   * @param ticker nanoseconds
   */
  CancelGuesses(Ticker ticker, DelayedAction alarm) {
    this.networks = new GuessLimiter<>(PACE, MOST_NETWORKS, ticker, alarm);
  }

  /** The turn of a request, which must be told what became of it, once. */
  record Permit(GuessLimiter<String>.Permit place) {
    /** Its key meant something. */
    void right() {
      place.giveBack();
    }

    /** It did not. */
    void wrong() {
      var _ = place.wrong();
    }
  }

  /** Whether a key like this could be found by trying. */
  boolean isGuessable(CancelKey key) {
    return key.secretLength() < UNGUESSABLE_BYTES;
  }

  /**
   * To be asked before a key is verified.
   *
   * @return completes on any thread; empty when too many of the address's requests wait
   */
  Optional<CompletableFuture<Permit>> enter(Optional<InetAddress> from) {
    return networks.enter(network(from)).map(place -> place.thenApply(Permit::new));
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
