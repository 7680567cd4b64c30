package io.vela.proxy.differential;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.ParkPolicy;
import io.vela.config.value.HostPort;
import io.vela.config.value.Secret;
import io.vela.proxy.ProxyServer;
import io.vela.proxy.RealPostgres;
import io.vela.proxy.ScriptedRouter;
import io.vela.router.BranchSession;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** A Postgres, and a Vela in front of it. Neither asks for a password. */
final class Side implements AutoCloseable {
  /** Shown from loopback, a token in full needs no password. */
  private static final String TOKEN = "branch=vela_k3f9x2_0123456789abcdef";

  private static final Duration PATIENCE = Duration.ofSeconds(20);

  /**
   * The major versions that are compared: 15 and 18, or what {@code -Dvela.test.majors=14,16,17}
   * names, each the system's or an embedded one on the class path.
   */
  static List<Integer> majors() {
    return Arrays.stream(System.getProperty("vela.test.majors", "15,18").split(",", -1))
        .map(Integer::valueOf)
        .toList();
  }

  private final RealPostgres postgres;
  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private final ScriptedRouter router;
  private final ProxyServer server;

  Side(int major) throws Exception {
    this(major, false);
  }

  /**
   * @param parkAlways whether each session is parked whenever it is idle
   */
  Side(int major, boolean parkAlways) throws Exception {
    postgres = RealPostgres.start(major);
    router = new ScriptedRouter(postgres.endpoint());
    router.refuses = _ -> Optional.empty();
    router.major = major;
    router.roles.put("postgres", postgres.role("postgres"));
    server =
        ProxyServer.start(
            List.of(new ListenerConfig(new HostPort("127.0.0.1", 0), Optional.empty())),
            LimitsConfig.DEFAULT,
            NetworkConfig.DEFAULT,
            router,
            meters,
            new Secret("secret"),
            parkAlways);
  }

  RealPostgres postgres() {
    return postgres;
  }

  ScriptedRouter router() {
    return router;
  }

  Peer direct() throws IOException {
    return new Peer(UnixDomainSocketAddress.of(postgres.socket()));
  }

  /** Once no earlier connection is left, so that {@link #relayed} counts the new one only. */
  Peer throughVela() throws IOException {
    awaitNoSession();
    return new Peer(server.addresses().getFirst());
  }

  Peer anotherThroughVela() throws IOException {
    return new Peer(server.addresses().getFirst());
  }

  void awaitNoSession() {
    await()
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(1))
        .untilAsserted(
            () -> {
              assertThat(router.leases).allMatch(lease -> lease.closes.get() == 1);
              assertThat(isEmpty()).isTrue();
            });
    router.leases.clear();
  }

  boolean isEmpty() {
    return router.leases.stream().allMatch(lease -> lease.closes.get() == 1)
        && meters.find("vela.client.connections").gauges().stream()
                .mapToDouble(gauge -> gauge.value())
                .sum()
            == 0;
  }

  static byte[] startup(int version, String... parameters) {
    return Frontend.startup(version, parameters);
  }

  /** The same, with what leads through Vela. */
  static byte[] startupWithToken(int version, String... parameters) {
    return Frontend.startup(
        version,
        Stream.concat(Stream.of(parameters), Stream.of("options", TOKEN)).toArray(String[]::new));
  }

  /** The only session through Vela, as its branch sees it. */
  BranchSession session() {
    await().atMost(PATIENCE).until(() -> router.sessions.size() == 1);
    return router.sessions.getFirst();
  }

  /** What becomes of idle sessions from now on. */
  void parking(ParkPolicy policy) {
    router.parking = policy;
  }

  /** How many backends there are through Vela. */
  int leases() {
    return (int) router.leases.stream().filter(lease -> lease.closes.get() == 0).count();
  }

  /** How many bytes have been relayed to Postgres so far. */
  double relayed() {
    return meters.get("vela.relay.bytes").tag("direction", "to_backend").counter().count();
  }

  void awaitRelayed(double bytes) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (relayed() < bytes) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("relayed " + relayed() + " of " + bytes + " bytes");
      }
      Thread.onSpinWait();
    }
  }

  double count(String meter, String tag, String value) {
    return meters.get(meter).tag(tag, value).counter().count();
  }

  @Override
  public void close() {
    server.close(Duration.ofSeconds(5));
    postgres.close();
  }
}
