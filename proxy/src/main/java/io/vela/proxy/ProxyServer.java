package io.vela.proxy;

import io.micrometer.core.instrument.MeterRegistry;
import io.netty.channel.EventLoopGroup;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.value.Secret;
import io.vela.proxy.auth.Authenticator;
import io.vela.proxy.backend.BackendConnector;
import io.vela.proxy.cancel.CancelForwarder;
import io.vela.proxy.cancel.CancelRegistry;
import io.vela.proxy.net.Listener;
import io.vela.proxy.net.Transport;
import io.vela.proxy.net.TransportException;
import io.vela.proxy.session.SessionInitializer;
import io.vela.proxy.session.SessionMetrics;
import io.vela.proxy.session.SessionServices;
import io.vela.proxy.session.Sessions;
import io.vela.router.SessionRouter;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The proxy: accepts Postgres clients and brings each to its branch. */
public final class ProxyServer {
  private static final Logger log = LoggerFactory.getLogger(ProxyServer.class);

  /** An instance on this host accepts at once; longer means that its backlog is full. */
  private static final Duration BACKEND_CONNECT_TIMEOUT = Duration.ofSeconds(5);

  private static final int SECRET_BYTES = 32;

  private final EventLoopGroup eventLoops;
  private final Sessions sessions;
  private final List<Listener> listeners = new ArrayList<>();

  private ProxyServer(EventLoopGroup eventLoops, Sessions sessions) {
    this.eventLoops = eventLoops;
    this.sessions = sessions;
  }

  /**
   * Starts with a secret of its own for {@link Authenticator}; unknown users then look different
   * after a restart.
   *
   * @see #start(List, LimitsConfig, String, SessionRouter, MeterRegistry, Secret)
   */
  public static ProxyServer start(
      List<ListenerConfig> listeners,
      LimitsConfig limits,
      String transport,
      SessionRouter router,
      MeterRegistry meters)
      throws IOException, TransportException {
    var secret = new byte[SECRET_BYTES];
    new SecureRandom().nextBytes(secret);
    return start(
        listeners, limits, transport, router, meters, new Secret(HexFormat.of().formatHex(secret)));
  }

  /**
   * Starts. Blocks until every listener accepts.
   *
   * @param transport {@code auto}, {@code epoll}, {@code io_uring} or {@code nio}
   * @param mockSecret what the salts of unknown users derive from, kept with the installation
   * @throws IOException when an address cannot be bound; nothing is left open
   * @throws TransportException when the transport is not available here
   */
  public static ProxyServer start(
      List<ListenerConfig> listeners,
      LimitsConfig limits,
      String transport,
      SessionRouter router,
      MeterRegistry meters,
      Secret mockSecret)
      throws IOException, TransportException {
    var chosen = Transport.named(transport);
    var random = new SecureRandom();
    var sessions = new Sessions();
    var connector = new BackendConnector(chosen, BACKEND_CONNECT_TIMEOUT);
    var cancelKeys = new CancelRegistry(random);
    var services =
        new SessionServices(
            router,
            new Authenticator(mockSecret, InstantSource.system(), random),
            connector,
            cancelKeys,
            new CancelForwarder(cancelKeys, connector, meters),
            sessions,
            new SessionMetrics(meters, sessions),
            limits);
    var server = new ProxyServer(chosen.newEventLoops(), sessions);
    try {
      for (var listener : listeners) {
        server.listen(listener, chosen, services);
      }
    } catch (IOException e) {
      server.close(Duration.ZERO);
      throw e;
    }
    return server;
  }

  private void listen(ListenerConfig config, Transport transport, SessionServices services)
      throws IOException {
    var initializer = new SessionInitializer(services, config.defaultBranch(), config.auth());
    var listener = Listener.open(config.address(), transport, eventLoops, initializer);
    listeners.add(listener);
    log.info("listening address={} transport={}", listener.address(), transport);
  }

  /** Where clients connect, in the order of the configuration, with the real ports. */
  public List<InetSocketAddress> addresses() {
    return listeners.stream().map(Listener::address).toList();
  }

  /**
   * Stops: accepts no more, tells every client 57P01 between two of its messages, and closes.
   * Blocks; more than once is as once.
   *
   * @param drain how long clients may take to hear it before they are cut off
   */
  public void close(Duration drain) {
    listeners.forEach(Listener::close);
    sessions.terminateAll();
    try {
      sessions.awaitNone(drain);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    var cut = sessions.size();
    sessions.cutAll();
    eventLoops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    log.info("proxy stopped cut={}", cut);
  }
}
