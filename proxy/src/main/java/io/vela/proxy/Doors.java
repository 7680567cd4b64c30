package io.vela.proxy;

import io.netty.channel.EventLoopGroup;
import io.vela.config.ListenerConfig;
import io.vela.config.value.HostPort;
import io.vela.proxy.net.Entrance;
import io.vela.proxy.net.Listener;
import io.vela.proxy.net.Transport;
import io.vela.proxy.session.SessionInitializer;
import io.vela.proxy.session.SessionServices;
import io.vela.proxy.tls.TlsException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The listeners that are open, each with what its connections begin with. */
final class Doors implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Doors.class);

  private final Transport transport;
  private final EventLoopGroup eventLoops;
  private final SessionServices services;
  private List<Door> open = List.of();
  private List<ListenerConfig> wanted = List.of();

  /** One of them, as it was configured. */
  private record Door(ListenerConfig config, Listener listener, Entrance entrance) {}

  Doors(Transport transport, EventLoopGroup eventLoops, SessionServices services) {
    this.transport = transport;
    this.eventLoops = eventLoops;
    this.services = services;
  }

  /** Where they listen, in the order of the configuration, with the real ports. */
  synchronized List<InetSocketAddress> addresses() {
    return open.stream().map(door -> door.listener().address()).toList();
  }

  /** The configured addresses where nobody is accepted. */
  synchronized List<HostPort> missing() {
    return wanted.stream()
        .map(ListenerConfig::address)
        .filter(
            address ->
                open.stream()
                    .noneMatch(
                        door ->
                            door.config().address().equals(address) && door.listener().isOpen()))
        .toList();
  }

  /**
   * Opens all. Blocks until every one accepts.
   *
   * @throws IOException when an address cannot be bound
   * @throws TlsException when a certificate cannot be used
   */
  synchronized void open(List<ListenerConfig> configs) throws IOException, TlsException {
    var doors = new ArrayList<Door>();
    wanted = List.copyOf(configs);
    try {
      for (var config : configs) {
        doors.add(open(config));
      }
    } finally {
      open = List.copyOf(doors);
    }
  }

  private Door open(ListenerConfig config) throws IOException, TlsException {
    var entrance = Entrance.open(config);
    var listener =
        Listener.open(
            config.address(),
            transport,
            eventLoops,
            () -> services.limits().connections().keepalive(),
            new SessionInitializer(services, entrance));
    log.info(
        "listening address={} transport={} tls={} proxy-protocol={}",
        listener.address(),
        transport,
        config.tls().mode(),
        config.proxyProtocol().mode());
    return new Door(config, listener, entrance);
  }

  /**
   * Takes another configuration, for the connections that begin from now on; those that are there
   * go on. Certificates are read anew. Blocks.
   *
   * @return what could not be done: those listeners stay as they were
   */
  synchronized List<String> reconfigure(List<ListenerConfig> configs) {
    var problems = new ArrayList<String>();
    var former = new ArrayList<>(open);
    var doors = new ArrayList<Door>();
    wanted = List.copyOf(configs);
    for (var config : configs) {
      var door = take(former, config);
      if (door.isPresent()) {
        doors.add(reload(door.get(), config, problems));
      } else {
        openOrReplace(config, former, problems).ifPresent(doors::add);
      }
    }
    former.forEach(Doors::close);
    open = List.copyOf(doors);
    return problems;
  }

  private static Optional<Door> take(List<Door> former, ListenerConfig config) {
    var found =
        former.stream()
            .filter(door -> door.config().address().equals(config.address()))
            .findFirst();
    found.ifPresent(former::remove);
    return found;
  }

  private static Door reload(Door door, ListenerConfig config, List<String> problems) {
    try {
      door.entrance().reload(config);
      return new Door(config, door.listener(), door.entrance());
    } catch (TlsException e) {
      problems.add("listen " + config.address() + ": " + e.getMessage());
      return door;
    }
  }

  // One that is to go may hold the port: then it goes first, and comes back if it was in vain.
  private Optional<Door> openOrReplace(
      ListenerConfig config, List<Door> former, List<String> problems) {
    try {
      var inTheWay =
          former.stream()
              .filter(door -> door.config().address().port() == config.address().port())
              .filter(door -> config.address().port() != 0)
              .findFirst();
      if (inTheWay.isEmpty()) {
        return Optional.of(open(config));
      }
      former.remove(inTheWay.get());
      close(inTheWay.get());
      try {
        return Optional.of(open(config));
      } catch (IOException | TlsException e) {
        problems.add("listen " + config.address() + ": " + e.getMessage());
        return Optional.of(open(inTheWay.get().config()));
      }
    } catch (IOException | TlsException e) {
      problems.add("listen " + config.address() + ": " + e.getMessage());
      return Optional.empty();
    }
  }

  private static void close(Door door) {
    door.listener().close();
    log.info("no longer listening address={}", door.config().address());
  }

  /** Accepts no more; accepted connections stay. */
  @Override
  public synchronized void close() {
    open.forEach(door -> door.listener().close());
  }
}
