package io.vela.proxy;

import io.micrometer.core.instrument.MeterRegistry;
import io.netty.channel.EventLoopGroup;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.value.HostPort;
import io.vela.config.value.Secret;
import io.vela.proxy.auth.Authenticator;
import io.vela.proxy.backend.BackendConnector;
import io.vela.proxy.backend.Backends;
import io.vela.proxy.cancel.CancelForwarder;
import io.vela.proxy.cancel.CancelRegistry;
import io.vela.proxy.net.Transport;
import io.vela.proxy.net.TransportException;
import io.vela.proxy.session.BackendQueue;
import io.vela.proxy.session.ListenerBarrier;
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
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The proxy: accepts Postgres clients and brings each to its branch. */
public final class ProxyServer {
  private static final Logger log = LoggerFactory.getLogger(ProxyServer.class);

  /** A connect to an instance on this host succeeds, or finds the backlog full, at once. */
  private static final Duration BACKEND_CONNECT_TIMEOUT = Duration.ofSeconds(5);

  /** How long clients may take to hear that it is over before they are cut off. */
  private static final Duration FAREWELL = Duration.ofSeconds(5);

  private static final int SECRET_BYTES = 32;

  /** Between two looks for sessions whose backends may be given back. */
  private static final long SWEEP_MILLIS = 500;

  private final EventLoopGroup eventLoops;
  private final Sessions sessions;
  private final Backends backends;
  private final Doors doors;
  private final AtomicReference<LimitsConfig> limits;

  private ProxyServer(
      EventLoopGroup eventLoops,
      Sessions sessions,
      Backends backends,
      Doors doors,
      AtomicReference<LimitsConfig> limits) {
    this.eventLoops = eventLoops;
    this.sessions = sessions;
    this.backends = backends;
    this.doors = doors;
    this.limits = limits;
  }

  /**
   * Starts with a secret of its own for {@link Authenticator}; unknown users then look different
   * after a restart.
   *
   * @see #start(List, LimitsConfig, NetworkConfig, SessionRouter, MeterRegistry, Secret, boolean)
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
        listeners,
        limits,
        network,
        router,
        meters,
        new Secret(HexFormat.of().formatHex(secret)),
        false);
  }

  /**
   * Starts. Blocks until every listener accepts.
   *
   * @param mockSecret what the salts of unknown users derive from, kept with the installation
   * @param parkAlways whether each session is parked whenever it is idle: shows whether anybody
   *     notices, and is of no other use
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
      Secret mockSecret,
      boolean parkAlways)
      throws IOException, TransportException, TlsException {
    var chosen = Transport.named(network.transport());
    var random = new SecureRandom();
    var sessions = new Sessions();
    var connector = new BackendConnector(chosen, BACKEND_CONNECT_TIMEOUT);
    var backends = new Backends(connector, kept(listeners), meters);
    var cancelKeys = new CancelRegistry(random);
    var liveLimits = new AtomicReference<>(limits);
    var services =
        new SessionServices(
            router,
            new Authenticator(mockSecret, InstantSource.system(), random),
            backends,
            cancelKeys,
            new CancelForwarder(cancelKeys, connector, meters),
            sessions,
            new SessionMetrics(meters, sessions),
            new ListenerBarrier(),
            new BackendQueue(sessions),
            parkAlways,
            liveLimits::get);
    var eventLoops = chosen.newEventLoops(network);
    var _ =
        eventLoops.scheduleWithFixedDelay(
            () -> sweep(sessions), SWEEP_MILLIS, SWEEP_MILLIS, TimeUnit.MILLISECONDS);
    var doors = new Doors(chosen, eventLoops, services);
    var server = new ProxyServer(eventLoops, sessions, backends, doors, liveLimits);
    try {
      doors.open(listeners);
    } catch (IOException | TlsException e) {
      server.close(Duration.ZERO);
      throw e;
    }
    return server;
  }

  /** Backends that wait for a session take no more file descriptors than is accounted for. */
  private static int kept(List<ListenerConfig> listeners) {
    long most =
        listeners.stream()
            .mapToLong(
                one -> one.maxConnections().map(ListenerConfig::waiting).orElse(Backends.MOST))
            .sum();
    return (int) Math.min(most, Backends.MOST);
  }

  /** A fault in it must not be its end: a task that throws is not run again. */
  private static void sweep(Sessions sessions) {
    try {
      sessions.parkIdle();
      sessions.tidyUp();
    } catch (RuntimeException e) {
      log.error("sweep over idle sessions failed", e);
    }
  }

  /**
   * Takes another configuration, for the connections that begin from now on; those that are there
   * go on. Certificates are read anew, changed or not. Blocks; safe for use from any thread.
   *
   * @return what could not be done, each with its cause: those listeners stay as they were
   */
  public List<String> reconfigure(List<ListenerConfig> listeners, LimitsConfig newLimits) {
    limits.set(newLimits);
    return doors.reconfigure(listeners);
  }

  /** Where clients connect, in the order of the configuration, with the real ports. */
  public List<InetSocketAddress> addresses() {
    return doors.addresses();
  }

  /** The configured addresses where no clients are accepted. */
  public List<HostPort> missing() {
    return doors.missing();
  }

  /** Ends all sessions now, with or without a transaction open; cuts short the drain of close. */
  public void hurry() {
    sessions.terminateAll();
  }

  /**
   * Stops: accepts no more and tells every client 57P01 and closes; those with a transaction open
   * when it has ended, or when the time is over. Blocks; more than once is as once.
   *
   * @param drain how long open transactions may go on
   */
  public void close(Duration drain) {
    doors.close();
    try {
      sessions.drainAll();
      sessions.awaitNone(drain);
      sessions.terminateAll();
      sessions.awaitNone(FAREWELL);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    var cut = sessions.size();
    sessions.cutAll();
    backends.close();
    eventLoops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    log.info("proxy stopped cut={}", cut);
  }
}
