package io.vela.proxy.session;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.vela.agent.Endpoint;
import io.vela.agent.Role;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.proxy.ScriptedRouter;
import io.vela.proxy.auth.Authenticator;
import io.vela.proxy.backend.BackendConnector;
import io.vela.proxy.backend.Backends;
import io.vela.proxy.cancel.CancelForwarder;
import io.vela.proxy.cancel.CancelRegistry;
import io.vela.proxy.net.Entrance;
import io.vela.proxy.net.Transport;
import io.vela.proxy.wire.FrontendMessages;
import io.vela.proxy.wire.StartupPacket;
import io.vela.router.RouteFailure;
import io.vela.router.branch.BranchLease;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Sessions that never get to an instance. */
class AdmissionTest {
  private static final Map<String, String> APP = Map.of("user", "app", "database", "app@pr-1");

  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private final ScriptedRouter router = new ScriptedRouter(new Endpoint.UnixSocket("/nowhere"));
  private final Sessions sessions = new Sessions();
  private EmbeddedChannel channel = new EmbeddedChannel();

  private void open() throws Exception {
    var random = new SecureRandom();
    var connector = new BackendConnector(Transport.NIO, Duration.ofSeconds(1));
    var keys = new CancelRegistry(random);
    new Admission(
            new Session(
                new SessionServices(
                    router,
                    new Authenticator(new Secret("secret"), InstantSource.system(), random),
                    new Backends(connector, meters),
                    keys,
                    new CancelForwarder(keys, connector, meters),
                    sessions,
                    new SessionMetrics(meters, sessions),
                    new ListenerBarrier(),
                    new BackendQueue(sessions),
                    false,
                    () -> LimitsConfig.DEFAULT),
                channel),
            Entrance.open(ListenerConfig.DEFAULT))
        .begin();
  }

  private void open(SocketAddress from) throws Exception {
    channel =
        new EmbeddedChannel() {
          @Override
          protected SocketAddress remoteAddress0() {
            return from;
          }
        };
    open();
  }

  private void startup(Map<String, String> parameters) {
    send(
        new FrontendMessages(UnpooledByteBufAllocator.DEFAULT)
            .startup(new StartupPacket.StartupMessage(StartupPacket.PROTOCOL_3_0, parameters))
            .buffer());
  }

  private void send(ByteBuf bytes) {
    channel.writeInbound(bytes);
    channel.runPendingTasks();
  }

  private String received() {
    var text = new StringBuilder();
    for (ByteBuf bytes = channel.readOutbound(); bytes != null; bytes = channel.readOutbound()) {
      text.append(bytes.toString(UTF_8).replace('\0', '|'));
      bytes.release();
    }
    return text.toString();
  }

  private void assertEnded(String outcome) {
    assertThat(channel.isOpen()).isFalse();
    assertThat(sessions.size()).isZero();
    assertThat(
            meters.get("vela.client.connections.total").tag("outcome", outcome).counter().count())
        .isEqualTo(1);
    assertThat(router.asked).isEmpty();
  }

  @Test
  void aRefusedBranchWakesNothing() throws Exception {
    router.refuses = _ -> Optional.of(new RouteFailure.NoSuchBranch(new BranchName("pr-1")));
    open();
    startup(APP);
    assertThat(received()).startsWith("E").contains("SFATAL", "C3D000", "\"pr-1\" does not exist");
    assertEnded("refused");
  }

  @Test
  void aMalformedBranchNeverReachesTheRouter() throws Exception {
    router.refuses =
        _ -> {
          throw new AssertionError("asked");
        };
    open();
    startup(Map.of("user", "app", "database", "app@../etc"));
    assertThat(received()).contains("C22023");
    assertEnded("refused");
  }

  @Test
  void aBearerTokenFromElsewhereNeverReachesTheRouter() throws Exception {
    router.refuses =
        _ -> {
          throw new AssertionError("asked");
        };
    open();
    startup(Map.of("user", "app", "database", "app@vela_k3f9x2_SECRETSECRET"));
    assertThat(received())
        .contains("C28000", "over TLS or from this host only")
        .doesNotContain("SECRET");
    assertEnded("refused");
  }

  @Test
  void aFaultOfTheRouterIsNotShownToTheClient() throws Exception {
    router.refuses =
        _ -> {
          throw new IllegalStateException("a private thing");
        };
    open();
    startup(APP);
    assertThat(received()).contains("CXX000").doesNotContain("private");
    assertEnded("refused");
  }

  @Test
  void whatWasSentAheadIsReleasedWhenTheClientLeaves() throws Exception {
    open();
    startup(APP);
    assertThat(received()).contains("SCRAM-SHA-256");
    var half = Unpooled.buffer().writeByte('p').writeInt(100).writeZero(50);
    send(half);
    var _ = channel.close();
    assertThat(half.refCnt()).isZero();
    assertEnded("gave_up");
  }

  @Test
  void whoEndsItsOutputWithoutARequestHasLeft() throws Exception {
    open();
    startup(APP);
    received();
    channel.pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
    assertEnded("gave_up");
  }

  @Test
  void whoEndsItsOutputAfterARequestIsWaitingForTheAnswer() throws Exception {
    var wake = new CompletableFuture<BranchLease>();
    router.wakes = () -> wake;
    router.refuses = _ -> Optional.empty();
    router.roles.put("app", new Role("app", Optional.empty(), true, false, -1, Optional.empty()));
    // Of the loopback address, as bearers must be.
    open(new InetSocketAddress(InetAddress.getLoopbackAddress(), 4711));
    startup(Map.of("user", "app", "database", "app@vela_k3f9x2_SECRETSECRET"));
    var request = Unpooled.buffer().writeByte('Q').writeInt(5).writeByte(0);
    send(request);
    channel.pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
    assertThat(channel.isOpen()).isTrue();
    assertThat(wake).isNotDone();
    var _ = channel.close();
    assertThat(request.refCnt()).isZero();
    assertThat(wake).isCancelled();
  }

  @Test
  void aSilentClientIsClosedWithoutAWord() throws Exception {
    open();
    channel.advanceTimeBy(
        LimitsConfig.DEFAULT.authenticationTimeout().toMillis() + 1, TimeUnit.MILLISECONDS);
    channel.runScheduledPendingTasks();
    assertThat(received()).isEmpty();
    assertEnded("timed_out");
  }

  @Test
  void anAnswerThatComesAfterTheClientHasLeftIsDropped() throws Exception {
    open();
    // The router has answered, but its answer still waits for the event loop.
    channel.writeInbound(
        new FrontendMessages(UnpooledByteBufAllocator.DEFAULT)
            .startup(new StartupPacket.StartupMessage(StartupPacket.PROTOCOL_3_0, APP))
            .buffer());
    var _ = channel.close();
    channel.runPendingTasks();
    received();
    assertEnded("gave_up");
  }
}
