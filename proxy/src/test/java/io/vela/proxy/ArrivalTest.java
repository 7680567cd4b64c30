package io.vela.proxy;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.agent.Endpoint;
import io.vela.agent.Role;
import io.vela.config.ConnectionLimits;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.ProxyProtocolConfig;
import io.vela.config.TlsConfig;
import io.vela.config.value.AddressRange;
import io.vela.config.value.ByteSize;
import io.vela.config.value.HostPort;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who may come in: behind load balancers, and as long as there is a place. */
class ArrivalTest {
  private static final int CANCEL_REQUEST = 1234 << 16 | 5678;
  private static final int SSL_REQUEST = 1234 << 16 | 5679;
  private static final AddressRange LOOPBACK = AddressRange.parse("127.0.0.0/8");

  /** With a token in full no password is asked, so that it waits for its branch at once. */
  private static final String[] APP = {"user", "app", "database", "app@vela_k3f9x2_secretsecret"};

  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private final ScriptedRouter router = new ScriptedRouter(new Endpoint.UnixSocket("/nowhere"));
  private ProxyServer server;

  @BeforeEach
  void listen() throws Exception {
    router.refuses = _ -> Optional.empty();
    router.wakes = CompletableFuture::new;
    router.roles.put("app", new Role("app", Optional.empty(), true, false, -1, Optional.empty()));
    server = open(ProxyProtocolConfig.OFF, TlsConfig.OFF, Optional.empty(), Optional.empty());
  }

  @AfterEach
  void stop() {
    server.close(Duration.ofSeconds(5));
  }

  private ProxyServer open(
      ProxyProtocolConfig proxies,
      TlsConfig tls,
      Optional<Integer> perListener,
      Optional<Integer> perAddressAndBranch)
      throws Exception {
    var standard = ConnectionLimits.DEFAULT;
    return ProxyServer.start(
        List.of(
            new ListenerConfig(
                new HostPort("127.0.0.1", 0),
                Optional.empty(),
                Optional.empty(),
                tls,
                proxies,
                perListener)),
        new LimitsConfig(
            Duration.ofSeconds(10),
            Duration.ofSeconds(10),
            Duration.ofSeconds(2),
            Duration.ofSeconds(10),
            2,
            ByteSize.parse("64kB"),
            new ConnectionLimits(
                perAddressAndBranch.map(limit -> limit + 1),
                perAddressAndBranch,
                standard.keepalive())),
        NetworkConfig.DEFAULT,
        router,
        meters);
  }

  private void behind(ProxyProtocolConfig.Mode mode, AddressRange from) throws Exception {
    server.close(Duration.ZERO);
    server =
        open(
            new ProxyProtocolConfig(mode, List.of(from)),
            TlsConfig.OFF,
            Optional.empty(),
            Optional.empty());
  }

  private void limited(Optional<Integer> perListener, Optional<Integer> perAddress)
      throws Exception {
    server.close(Duration.ZERO);
    server =
        open(
            new ProxyProtocolConfig(ProxyProtocolConfig.Mode.OPTIONAL, List.of(LOOPBACK)),
            TlsConfig.OFF,
            perListener,
            perAddress);
  }

  private RawClient connect() throws Exception {
    return new RawClient(server.addresses().getFirst());
  }

  private RawClient connect(String header) throws Exception {
    var client = connect();
    client.send(header.getBytes(US_ASCII));
    return client;
  }

  private static byte[] v2(String afterSignature) {
    return HexFormat.of().parseHex("0d0a0d0a000d0a515549540a" + afterSignature.replace(" ", ""));
  }

  private void awaitSeen(String client) {
    await()
        .untilAsserted(
            () ->
                assertThat(router.labels)
                    .anyMatch(label -> label.description().contains("client=" + client)));
  }

  private double ended(String outcome) {
    return meters.get("vela.client.connections.total").tag("outcome", outcome).counter().count();
  }

  @Test
  void bothVersionsTellWhereTheClientIs() throws Exception {
    behind(ProxyProtocolConfig.Mode.REQUIRED, LOOPBACK);
    try (var v1 = connect("PROXY TCP4 127.9.8.7 127.0.0.1 4711 6432\r\n");
        var v2 = connect()) {
      v1.startup(APP);
      awaitSeen("127.9.8.7:4711");
      v2.send(v2("21 11 000c 7f060504 7f000001 1267 1920"));
      v2.startup(APP);
      awaitSeen("127.6.5.4:4711");
    }
  }

  @Test
  void anAddressOfTheNewKindIsTakenToo() throws Exception {
    behind(ProxyProtocolConfig.Mode.REQUIRED, LOOPBACK);
    try (var client = connect()) {
      client.send(v2("21 21 0024" + "00".repeat(15) + "01" + "00".repeat(15) + "01 1267 1920"));
      client.startup(APP);
      awaitSeen("0:0:0:0:0:0:0:1:4711");
    }
  }

  @Test
  void aLoadBalancerThatSpeaksForItselfKeepsItsAddress() throws Exception {
    behind(ProxyProtocolConfig.Mode.REQUIRED, LOOPBACK);
    try (var local = connect();
        var unknown = connect("PROXY UNKNOWN\r\n")) {
      local.send(v2("20 00 0000"));
      local.startup(APP);
      awaitSeen("127.0.0.1:" + local.socket().getLocalPort());
      unknown.startup(APP);
      awaitSeen("127.0.0.1:" + unknown.socket().getLocalPort());
    }
  }

  @Test
  void theRulesSeeTheTrueClient() throws Exception {
    behind(ProxyProtocolConfig.Mode.REQUIRED, LOOPBACK);
    try (var far = connect("PROXY TCP4 192.0.2.7 127.0.0.1 4711 6432\r\n")) {
      far.startup(APP);
      assertThat(far.readMessage()).contains("28000", "a token in full is accepted over TLS");
    }
    assertThat(router.labels).isEmpty();
  }

  @Test
  void theHeaderMayComeInPiecesAndMayBeLeftOutWhereOptional() throws Exception {
    behind(ProxyProtocolConfig.Mode.OPTIONAL, LOOPBACK);
    try (var pieces = connect("P");
        var without = connect()) {
      without.sendInts(8, SSL_REQUEST);
      assertThat(without.readByte()).isEqualTo('N');
      pieces.send("ROXY TCP4 127.9.8.7 127.0.0.1 4711 ".getBytes(US_ASCII));
      without.startup(APP);
      awaitSeen("127.0.0.1:" + without.socket().getLocalPort());
      pieces.send("6432\r\n".getBytes(US_ASCII));
      pieces.startup(APP);
      awaitSeen("127.9.8.7:4711");
    }
  }

  @Test
  void whoIsNotListedIsNotBelieved() throws Exception {
    behind(ProxyProtocolConfig.Mode.OPTIONAL, AddressRange.parse("10.0.0.0/8"));
    try (var pretender = connect("PROXY TCP4 127.9.8.7 127.0.0.1 4711 6432\r\n");
        var honest = connect()) {
      assertThat(pretender.readMessage()).contains("08P01");
      assertThat(pretender.readByte()).isNegative();
      honest.startup(APP);
      awaitSeen("127.0.0.1:" + honest.socket().getLocalPort());
    }
    behind(ProxyProtocolConfig.Mode.REQUIRED, AddressRange.parse("10.0.0.0/8"));
    try (var client = connect()) {
      assertThat(client.readByte()).isNegative();
    }
  }

  @Test
  void garbageAndAMissingHeaderCloseTheConnection() throws Exception {
    behind(ProxyProtocolConfig.Mode.REQUIRED, LOOPBACK);
    try (var wrong = connect("PROXY TCP9 what is this\r\n");
        var post = connect("POST / HTTP/1.1\r\nHost: x\r\n\r\n");
        var binary = connect();
        var missing = connect()) {
      binary.send(v2("31 11 000c 7f060504 7f000001 1267 1920"));
      missing.startup(APP);
      for (var client : List.of(wrong, post, binary, missing)) {
        assertThat(client.readByte()).isNegative();
      }
    }
    await().untilAsserted(() -> assertThat(ended("malformed")).isEqualTo(4));
    assertThat(router.labels).isEmpty();
  }

  @Test
  void halfAHeaderIsBoundedByTheAuthenticationTimeout() throws Exception {
    behind(ProxyProtocolConfig.Mode.REQUIRED, LOOPBACK);
    try (var client = connect("PROXY TCP4 127.9")) {
      assertThat(client.readByte()).isNegative();
    }
    await().untilAsserted(() -> assertThat(ended("timed_out")).isEqualTo(1));
  }

  @Test
  void tlsFollowsTheHeader(@TempDir Path folder) throws Exception {
    var certificates = new TestCertificates(folder);
    server.close(Duration.ZERO);
    server =
        open(
            new ProxyProtocolConfig(ProxyProtocolConfig.Mode.REQUIRED, List.of(LOOPBACK)),
            certificates.config(TlsConfig.Mode.REQUIRE, TlsConfig.Provider.AUTO),
            Optional.empty(),
            Optional.empty());
    var direct = connect("PROXY TCP4 192.0.2.7 127.0.0.1 4711 6432\r\n");
    try (var client =
        new RawClient(certificates.over(direct.socket(), "localhost", "postgresql"))) {
      client.startup(APP);
      awaitSeen("192.0.2.7:4711");
    }
  }

  @Test
  void aFullListenerSaysSoAndStillTakesCancelRequests() throws Exception {
    limited(Optional.of(1), Optional.empty());
    try (var first = connect()) {
      first.startup(APP);
      awaitSeen("127.0.0.1:" + first.socket().getLocalPort());
      try (var second = connect()) {
        second.startup(APP);
        assertThat(second.readMessage())
            .contains("FATAL", "53300", "sorry, too many clients already", "max-connections");
        assertThat(second.readByte()).isNegative();
      }
      try (var cancel = connect()) {
        cancel.sendInts(16, CANCEL_REQUEST, 1, 2);
        assertThat(cancel.readByte()).isNegative();
      }
      await().untilAsserted(() -> assertThat(ended("cancel_request")).isEqualTo(1));
      try (var waiting = connect();
          var beyond = connect()) {
        assertThat(beyond.readByte()).as("closed at once").isNegative();
        waiting.sendInts(8, SSL_REQUEST);
        assertThat(waiting.readByte()).isEqualTo('N');
      }
    }
    await()
        .untilAsserted(
            () -> {
              try (var later = connect()) {
                later.startup(APP);
                awaitSeen("127.0.0.1:" + later.socket().getLocalPort());
              }
            });
  }

  @Test
  void anAddressAndABranchHaveTheirLimits() throws Exception {
    limited(Optional.empty(), Optional.of(1));
    try (var first = connect();
        var second = connect("PROXY TCP4 127.9.8.7 127.0.0.1 1 6432\r\n");
        var again = connect("PROXY TCP4 127.9.8.7 127.0.0.1 2 6432\r\n");
        var third = connect("PROXY TCP4 127.9.8.8 127.0.0.1 3 6432\r\n")) {
      first.startup(APP);
      awaitSeen("127.0.0.1:" + first.socket().getLocalPort());
      second.startup(APP);
      awaitSeen("127.9.8.7:1");
      again.startup(APP);
      assertThat(again.readMessage()).contains("53300", "connections-per-address");
      third.startup(APP);
      assertThat(third.readMessage())
          .contains("53300", "\"token-branch\"", "connections-per-branch");
      first.socket().close();
    }
    await().untilAsserted(() -> assertThat(ended("gave_up")).isGreaterThanOrEqualTo(2));
    try (var later = connect("PROXY TCP4 127.9.8.7 127.0.0.1 5 6432\r\n")) {
      later.startup(APP);
      awaitSeen("127.9.8.7:5");
    }
  }
}
