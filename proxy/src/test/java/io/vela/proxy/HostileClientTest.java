package io.vela.proxy;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.value.BranchName;
import io.vela.config.value.ByteSize;
import io.vela.config.value.HostPort;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Clients that send garbage, half of something, too much, too early or nothing. */
class HostileClientTest {
  private static final Duration AUTHENTICATION_TIMEOUT = Duration.ofSeconds(2);
  private static final String[] BEARER = {
    "user", "app", "database", "postgres@vela_k3f9x2_SECRETSECRET"
  };

  private static RealPostgres postgres;

  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private ScriptedRouter router;
  private ProxyServer server;

  @BeforeAll
  static void startPostgres() throws Exception {
    postgres = RealPostgres.start();
    postgres.sql("create role app login password 'right'");
  }

  @AfterAll
  static void stopPostgres() {
    postgres.close();
  }

  @BeforeEach
  void startProxy() throws Exception {
    router = new ScriptedRouter(postgres.endpoint());
    router.refuses = _ -> Optional.empty();
    router.roles.put("app", postgres.role("app"));
    var limits = LimitsConfig.DEFAULT;
    server =
        ProxyServer.start(
            List.of(
                new ListenerConfig(
                    new HostPort("127.0.0.1", 0), Optional.of(new BranchName("pr-1")))),
            new LimitsConfig(
                limits.wakeTimeout(),
                limits.stopTimeout(),
                AUTHENTICATION_TIMEOUT,
                limits.startConcurrency(),
                ByteSize.parse("64kB")),
            NetworkConfig.DEFAULT,
            router,
            meters);
  }

  @AfterEach
  void stopProxy() {
    server.close(Duration.ofSeconds(5));
    for (var lease : router.leases) {
      assertThat(lease.closes).as("each lease is given back exactly once").hasValue(1);
    }
  }

  private RawClient client() throws Exception {
    return new RawClient(server.addresses().getFirst());
  }

  private void awaitEnding(String outcome) {
    await()
        .untilAsserted(
            () ->
                assertThat(
                        meters
                            .get("vela.client.connections.total")
                            .tag("outcome", outcome)
                            .counter()
                            .count())
                    .isEqualTo(1));
  }

  @Test
  void anotherProtocolIsRefused() throws Exception {
    try (var client = client()) {
      client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(UTF_8));
      assertThat(client.readMessage()).startsWith("E").contains("SFATAL", "C08P01");
      assertThat(client.readByte()).isEqualTo(-1);
    }
    awaitEnding("malformed");
  }

  @Test
  void aLengthOfAGigabyteIsRefusedAtOnce() throws Exception {
    try (var client = client()) {
      client.sendInts(1 << 30, 3 << 16);
      assertThat(client.readMessage()).contains("C08P01");
    }
  }

  @Test
  void aPasswordOfAGigabyteIsRefusedAtOnce() throws Exception {
    try (var client = client()) {
      client.startup("user", "app", "database", "postgres");
      assertThat(client.readMessage()).startsWith("R").contains("SCRAM-SHA-256");
      client.send(new byte[] {'p'});
      client.sendInts(1 << 30);
      assertThat(client.readMessage()).contains("C08P01");
    }
    assertThat(router.asked).isEmpty();
  }

  @Test
  void aQueryInsteadOfAPasswordIsRefused() throws Exception {
    try (var client = client()) {
      client.startup("user", "app", "database", "postgres");
      client.readMessage();
      client.query("select 1");
      assertThat(client.readMessage()).contains("C08P01", "expected SASL response");
    }
    assertThat(router.asked).isEmpty();
  }

  @Test
  void encryptionIsRefusedOnceAndThenTheStartupIsRead() throws Exception {
    try (var client = client()) {
      client.sendInts(8, 1234 << 16 | 5680);
      assertThat(client.readByte()).isEqualTo('N');
      client.sendInts(8, 1234 << 16 | 5679);
      assertThat(client.readByte()).isEqualTo('N');
      client.startup("user", "app", "database", "postgres");
      assertThat(client.readMessage()).startsWith("R");
    }
    try (var client = client()) {
      client.sendInts(8, 1234 << 16 | 5679);
      client.readByte();
      client.sendInts(8, 1234 << 16 | 5679);
      assertThat(client.readMessage()).contains("C0A000");
    }
  }

  @Test
  void whoSaysNothingIsClosedInTime() throws Exception {
    try (var client = client()) {
      assertThat(client.readByte()).isEqualTo(-1);
    }
    awaitEnding("timed_out");
  }

  @Test
  void whoSaysHalfIsClosedInTime() throws Exception {
    try (var client = client()) {
      client.sendInts(100, 3 << 16);
      assertThat(client.readByte()).isEqualTo(-1);
    }
  }

  @Test
  void whoDoesNotAnswerTheExchangeIsClosedInTime() throws Exception {
    try (var client = client()) {
      client.startup("user", "app", "database", "postgres");
      client.readMessage();
      assertThat(client.readByte()).isEqualTo(-1);
    }
    assertThat(router.asked).isEmpty();
  }

  @Test
  void silentClientsDisturbNobody() throws Exception {
    var silent = new ArrayList<RawClient>();
    for (var i = 0; i < 200; i++) {
      silent.add(client());
    }
    try (var client = client()) {
      client.startup(BEARER);
      assertThat(client.readUntil('Z')).isEqualTo("ZI");
    }
    for (var one : silent) {
      assertThat(one.readByte()).isEqualTo(-1);
      one.close();
    }
  }

  @Test
  void anUnknownCancelKeyIsIgnored() throws Exception {
    try (var client = client()) {
      client.sendInts(16, 1234 << 16 | 5678, 4711, 815);
      assertThat(client.readByte()).isEqualTo(-1);
    }
    assertThat(meters.get("vela.cancel.requests").tag("outcome", "unknown").counter().count())
        .isEqualTo(1);
  }

  @Test
  void whatIsSentAheadWhileTheBranchWakesIsAnswered() throws Exception {
    var waking = new CompletableFuture<io.vela.router.branch.BranchLease>();
    router.wakes = () -> waking;
    try (var client = client()) {
      client.startup(BEARER);
      var queries = 3000;
      for (var i = 0; i < queries; i++) {
        client.query("select 'a query sent much too early, and longer than most', " + i);
      }
      await().until(() -> !router.asked.isEmpty());
      waking.complete(router.newLease(postgres.endpoint()));
      assertThat(client.readUntil('Z')).isEqualTo("ZI");
      for (var i = 0; i < queries; i++) {
        assertThat(client.readUntil('D')).endsWith(Integer.toString(i));
        assertThat(client.readUntil('Z')).isEqualTo("ZI");
      }
    }
  }

  @Test
  void whoEndsItsOutputIsAnsweredToTheEnd() throws Exception {
    try (var client = client()) {
      client.startup(BEARER);
      client.readUntil('Z');
      client.query("select pg_sleep(0.2), 'first'");
      client.query("select repeat('x', 1000000)");
      client.query("select 'last'");
      client.endOutput();
      assertThat(client.readUntil('D')).endsWith("first");
      assertThat(client.readUntil('D')).hasSizeGreaterThan(1_000_000);
      assertThat(client.readUntil('D')).endsWith("last");
      assertThat(client.readUntil('Z')).isEqualTo("ZI");
      assertThat(client.readByte()).isEqualTo(-1);
    }
    awaitEnding("served");
  }

  @Test
  void whoSendsAllAtOnceAndEndsItsOutputIsAnsweredToTheEnd() throws Exception {
    // By then the end of the client's output has been seen; if not, the promise is the same.
    var wake = CompletableFuture.delayedExecutor(300, TimeUnit.MILLISECONDS);
    router.wakes =
        () -> CompletableFuture.supplyAsync(() -> router.newLease(postgres.endpoint()), wake);
    try (var client = client()) {
      client.startup(BEARER);
      client.query("select 'first'");
      client.query("select 'last'");
      client.endOutput();
      assertThat(client.readUntil('Z')).isEqualTo("ZI");
      assertThat(client.readUntil('D')).endsWith("first");
      assertThat(client.readUntil('D')).endsWith("last");
      assertThat(client.readUntil('Z')).isEqualTo("ZI");
      assertThat(client.readByte()).isEqualTo(-1);
    }
    awaitEnding("served");
  }

  @Test
  void whoLeavesWhileTheBranchWakesGivesItUp() throws Exception {
    var waking = new CompletableFuture<io.vela.router.branch.BranchLease>();
    router.wakes = () -> waking;
    try (var client = client()) {
      client.startup(BEARER);
      await().until(() -> !router.asked.isEmpty());
    }
    await().untilAsserted(() -> assertThat(waking).isCancelled());
    awaitEnding("gave_up");
  }

  @Test
  void aWakeThatFailsIsToldWithItsReason() throws Exception {
    router.wakes =
        () ->
            CompletableFuture.failedFuture(
                new RouteException(
                    new RouteFailure.WakeTimedOut(new BranchName("pr-1"), Duration.ofSeconds(30))));
    try (var client = client()) {
      client.startup(BEARER);
      assertThat(client.readMessage())
          .contains("SFATAL", "C57P03", "not ready within 30 s", "|HTry again");
    }
  }

  @Test
  void aSessionRevokedWhileItWakesIsTold() throws Exception {
    router.wakes = CompletableFuture::new;
    try (var client = client()) {
      client.startup(BEARER);
      await().until(() -> !router.asked.isEmpty());
      server.close(Duration.ofSeconds(5));
      assertThat(client.readMessage()).contains("C57P01", "Vela is shutting down");
    }
    assertThat(router.asked.getFirst()).isCancelled();
  }
}
