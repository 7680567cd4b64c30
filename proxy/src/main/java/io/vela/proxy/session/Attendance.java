package io.vela.proxy.session;

import io.netty.channel.Channel;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.value.BranchName;
import io.vela.proxy.net.Entrance;
import io.vela.proxy.wire.ErrorMessage;
import java.net.InetAddress;
import java.util.Optional;

/**
 * A connection's places under the limits of its listener, its address and its branch. They are
 * given back when the channel is closed, in whatever way. On the connection's event loop.
 *
 * <p>As with Postgres, whoever finds no place is told so in answer to its startup message, for a
 * cancel request needs none and before TLS nobody can be told. A quarter as many as there are
 * places may wait to be told; more are closed at once.
 */
final class Attendance {
  /** Where there is a place for each connection. */
  record Counts(
      Places<Entrance> listeners,
      Places<Entrance> toBeRefused,
      Places<InetAddress> addresses,
      Places<BranchName> branches) {
    Counts() {
      this(new Places<>(), new Places<>(), new Places<>(), new Places<>());
    }
  }

  private final Counts counts;
  private final Channel channel;
  private final Entrance entrance;
  private final LimitsConfig limits;
  private Optional<ErrorMessage> refusal = Optional.empty();

  Attendance(Counts counts, Channel channel, Entrance entrance, LimitsConfig limits) {
    this.counts = counts;
    this.channel = channel;
    this.entrance = entrance;
    this.limits = limits;
  }

  /**
   * A client has connected.
   *
   * @return whether it may stay, be it only to be refused
   */
  boolean enter() {
    var limit = entrance.current().config().maxConnections();
    if (limit.isEmpty() || hold(counts.listeners().take(entrance, limit))) {
      return true;
    }
    refusal = Optional.of(Refusal.tooManyOnListener(limit.get()));
    return hold(counts.toBeRefused().take(entrance, limit.map(ListenerConfig::waiting)));
  }

  /** It has become known where the client is. */
  void from(ClientAddress address) {
    var limit = limits.connections().perAddress();
    if (limit.isPresent()
        && address.ip().isPresent()
        && !hold(counts.addresses().take(address.ip().get(), limit))) {
      refusal = refusal.or(() -> Optional.of(Refusal.tooManyFromAddress(limit.get())));
    }
  }

  /** Why the client must be refused, so far. */
  Optional<ErrorMessage> refusal() {
    return refusal;
  }

  /** The client has proven that it may use the branch; what it is told when it finds no place. */
  Optional<ErrorMessage> join(BranchName branch) {
    var limit = limits.connections().perBranch();
    if (limit.isPresent() && !hold(counts.branches().take(branch, limit))) {
      return Optional.of(Refusal.tooManyOnBranch(branch.value(), limit.get()));
    }
    return Optional.empty();
  }

  private <K> boolean hold(Optional<Places<K>.Place> place) {
    place.ifPresent(taken -> channel.closeFuture().addListener(_ -> taken.close()));
    return place.isPresent();
  }
}
