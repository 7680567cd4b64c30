package io.vela.proxy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.agent.Endpoint;
import io.vela.agent.Role;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.value.BranchName;
import io.vela.config.value.HostPort;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Instances that accept connections and then hang. */
class HostileInstanceTest {
  private static final Duration WAKE_TIMEOUT = Duration.ofMillis(500);

  @TempDir private Path directory;
  private ServerSocketChannel instance;
  private ScriptedRouter router;
  private ProxyServer server;

  @BeforeEach
  void startProxy() throws Exception {
    var socket = directory.resolve("socket");
    instance = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    instance.bind(UnixDomainSocketAddress.of(socket));
    router = new ScriptedRouter(new Endpoint.UnixSocket(socket.toString()));
    router.refuses = _ -> Optional.empty();
    router.roles.put("app", new Role("app", Optional.empty(), true, false, -1, Optional.empty()));
    var limits = LimitsConfig.DEFAULT;
    server =
        ProxyServer.start(
            List.of(
                new ListenerConfig(
                    new HostPort("127.0.0.1", 0), Optional.of(new BranchName("pr-1")))),
            new LimitsConfig(
                WAKE_TIMEOUT,
                limits.stopTimeout(),
                limits.authenticationTimeout(),
                limits.drainTimeout(),
                limits.startConcurrency(),
                limits.startupHold()),
            NetworkConfig.DEFAULT,
            router,
            new SimpleMeterRegistry());
  }

  @AfterEach
  void stopProxy() throws Exception {
    server.close(Duration.ofSeconds(5));
    instance.close();
    assertThat(router.leases).hasSize(1);
    assertThat(router.leases.getFirst().closes).hasValue(1);
  }

  private RawClient client() throws Exception {
    var client = new RawClient(server.addresses().getFirst());
    client.startup("user", "app", "database", "postgres@vela_k3f9x2_SECRETSECRET");
    return client;
  }

  private static void assertTold(RawClient client) throws Exception {
    assertThat(client.readUntil('E'))
        .contains("SFATAL", "C57P03", "does not accept connections", "within 500 ms");
    assertThat(client.readByte()).isEqualTo(-1);
  }

  @Test
  void oneThatNeverAnswersIsGivenUpInTime() throws Exception {
    try (var client = client()) {
      assertTold(client);
    }
    await().untilAsserted(() -> assertThat(router.leases.getFirst().closes).hasValue(1));
  }

  @Test
  void oneThatStopsInTheMiddleOfTheStartupIsGivenUpInTime() throws Exception {
    try (var client = client();
        var backend = instance.accept()) {
      var authenticationOk = ByteBuffer.allocate(9).put((byte) 'R').putInt(8).putInt(0).flip();
      backend.write(authenticationOk);
      assertTold(client);
    }
  }
}
