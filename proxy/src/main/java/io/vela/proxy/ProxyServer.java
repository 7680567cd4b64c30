package io.vela.proxy;

import io.micrometer.core.instrument.MeterRegistry;
import io.netty.channel.EventLoopGroup;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.value.Secret;
import io.vela.proxy.auth.Authenticator;
import io.vela.proxy.backend.BackendConnector;
import io.vela.proxy.cancel.CancelForwarder;
import io.vela.proxy.cancel.CancelRegistry;
import io.vela.proxy.net.Entrance;
import io.vela.proxy.net.Listener;
import io.vela.proxy.net.Transport;
import io.vela.proxy.net.TransportException;
import io.vela.proxy.session.SessionInitializer;
import io.vela.proxy.session.SessionMetrics;
import io.vela.proxy.session.SessionServices;
import io.vela.proxy.session.Sessions;
import io.vela.proxy.tls.TlsException;
import io.vela.router.SessionRouter;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
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
  private final List<Door> doors = new ArrayList<>();

  private ProxyServer(EventLoopGroup eventLoops, Sessions sessions) {
    this.eventLoops = eventLoops;
    this.sessions = sessions;
  }

  /**
   * Starts with a secret of its own for {@link Authenticator}; unknown users then look different
   * after a restart.
   *
   * @see #start(List, LimitsConfig, NetworkConfig, SessionRouter, MeterRegistry, Secret)
   */
  public static ProxyServer start(
      List<ListenerConfig> listeners,
      LimitsConfig limits,
      NetworkConfig network,
      SessionRouter router,
      MeterRegistry meters)
      throws IOException, TransportException, TlsException {
    var secret = new byte[SECRET_BYTES];
    new SecureRandom().nextBytes(secret);
    return start(
        listeners, limits, network, router, meters, new Secret(HexFormat.of().formatHex(secret)));
  }

  /**
   * Starts. Blocks until every listener accepts.
   *
   * @param mockSecret what the salts of unknown users derive from, kept with the installation
   * @throws IOException when an address cannot be bound; nothing is left open
   * @throws TransportException when the transport is not available here
   * @throws TlsException when a listener's certificate cannot be used; nothing is left open
   */
  public static ProxyServer start(
      List<ListenerConfig> listeners,
      LimitsConfig limits,
      NetworkConfig network,
      SessionRouter router,
      MeterRegistry meters,
      Secret mockSecret)
      throws IOException, TransportException, TlsException {
    var chosen = Transport.named(network.transport());
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
    var server = new ProxyServer(chosen.newEventLoops(network), sessions);
    try {
      for (var listener : listeners) {
        server.listen(listener, chosen, services);
      }
    } catch (IOException | TlsException e) {
      server.close(Duration.ZERO);
      throw e;
    }
    return server;
  }

  private void listen(ListenerConfig config, Transport transport, SessionServices services)
      throws IOException, TlsException {
    var entrance = Entrance.open(config);
    var listener =
        Listener.open(
            config.address(),
            transport,
            eventLoops,
            services.limits().connections().keepalive(),
            new SessionInitializer(services, entrance));
    doors.add(new Door(listener, entrance));
    log.info(
        "listening address={} transport={} tls={} proxy-protocol={}",
        listener.address(),
        transport,
        config.tls().mode(),
        config.proxyProtocol().mode());
  }

  /** A listener and what connections to it begin with. */
  private record Door(Listener listener, Entrance entrance) {}

  /**
   * What became of reading a listener's certificate anew.
   *
   * @param address where it listens
   * @param problem why the former certificate stays; empty when the new one is in use, or the
   *     listener has none
   */
  public record CertificateReload(InetSocketAddress address, Optional<String> problem) {}

  /**
   * Reads the certificate files of all listeners anew. Connections that are there keep what they
   * began with; a listener whose new files cannot be used keeps its former ones. Blocks; safe for
   * use from any thread.
   *
   * @return an outcome for each listener, in the order of {@link #addresses}
   */
  public List<CertificateReload> reloadCertificates() {
    return doors.stream().map(ProxyServer::reloadCertificate).toList();
  }

  private static CertificateReload reloadCertificate(Door door) {
    var address = door.listener().address();
    try {
      door.entrance().reloadCertificates();
      return new CertificateReload(address, Optional.empty());
    } catch (TlsException e) {
      return new CertificateReload(address, Optional.of(String.valueOf(e.getMessage())));
    }
  }

  /**
   * Gives a listener another configuration, for the connections that begin from now on. Blocks;
   * safe for use from any thread.
   *
   * @param index the listener's place in {@link #addresses}
   * @param config its address is not looked at: a listener stays where it is
   * @throws TlsException when a file cannot be used; then nothing has changed
   */
  public void reconfigure(int index, ListenerConfig config) throws TlsException {
    doors.get(index).entrance().reload(config);
  }

  /** Where clients connect, in the order of the configuration, with the real ports. */
  public List<InetSocketAddress> addresses() {
    return doors.stream().map(door -> door.listener().address()).toList();
  }

  /**
   * Stops: accepts no more, tells every client 57P01 between two of its messages, and closes.
   * Blocks; more than once is as once.
   *
   * @param drain how long clients may take to hear it before they are cut off
   */
  public void close(Duration drain) {
    doors.forEach(door -> door.listener().close());
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
