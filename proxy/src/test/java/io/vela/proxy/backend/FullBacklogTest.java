package io.vela.proxy.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoopGroup;
import io.netty.util.concurrent.Future;
import io.vela.agent.Endpoint;
import io.vela.config.BackendPolicy;
import io.vela.config.NetworkConfig;
import io.vela.proxy.cancel.CancelForwarder;
import io.vela.proxy.cancel.CancelRegistry;
import io.vela.proxy.net.Transport;
import io.vela.proxy.net.TransportException;
import io.vela.proxy.wire.CancelKey;
import io.vela.proxy.wire.StartupPacket;
import io.vela.proxy.wire.StartupPacket.StartupMessage;
import java.io.IOException;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.opentest4j.TestAbortedException;

/** An instance that accepts later than those come who want a connection. */
@Timeout(60)
final class FullBacklogTest {
  private static final int CLIENTS = 40;

  @TempDir private Path folder;
  private final List<AutoCloseable> open = new ArrayList<>();
  private ServerSocketChannel instance;
  private Endpoint endpoint;

  /** With one event loop, so that those come in a certain order. */
  private record Wired(EventLoopGroup loops, BackendConnector connector) {
    private Future<Channel> connect(Endpoint endpoint) throws Exception {
      var loop = loops.next();
      var opening = new AtomicReference<Future<Channel>>();
      var _ =
          loop.submit(
                  () ->
                      opening.set(
                          connector.connect(loop, endpoint, new ChannelInboundHandlerAdapter())))
              .sync();
      return opening.get();
    }
  }

  @BeforeEach
  void listen() throws Exception {
    var socket = folder.resolve("s");
    endpoint = new Endpoint.UnixSocket(socket.toString());
    instance = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    instance.bind(UnixDomainSocketAddress.of(socket), 1);
    open.add(instance);
  }

  @AfterEach
  void close() throws Exception {
    for (var one : open.reversed()) {
      one.close();
    }
  }

  private Wired wired(String name) {
    try {
      var transport = Transport.named(name);
      var loops = transport.newEventLoops(new NetworkConfig(name, 1, false));
      open.add(() -> loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync());
      return new Wired(loops, new BackendConnector(transport, Duration.ofSeconds(5)));
    } catch (TransportException e) {
      throw new TestAbortedException(name + " is not available", e);
    }
  }

  /** One after the other; each says its number. */
  private List<Future<Channel>> connectAll(Wired wired) throws Exception {
    var all = new ArrayList<Future<Channel>>();
    for (int i = 0; i < CLIENTS; i++) {
      int number = i;
      var one = wired.connect(endpoint);
      var _ =
          one.addListener(
              done -> {
                if (done.isSuccess()) {
                  var _ = one.getNow().writeAndFlush(Unpooled.copyInt(number));
                }
              });
      all.add(one);
    }
    return all;
  }

  private SocketChannel accept() throws IOException {
    var accepted = instance.accept();
    open.add(accepted);
    return accepted;
  }

  private int readInt() throws IOException {
    var bytes = ByteBuffer.allocate(Integer.BYTES);
    var accepted = accept();
    while (bytes.hasRemaining() && accepted.read(bytes) >= 0) {}
    return bytes.flip().getInt();
  }

  @ParameterizedTest
  @ValueSource(strings = {"epoll", "nio", "io_uring"})
  void allAreConnectedInTheOrderInWhichTheyCame(String transport) throws Exception {
    var wired = wired(transport);
    var all = connectAll(wired);
    assertThat(all).as("the backlog is full").anyMatch(one -> !one.isDone());

    for (int i = 0; i < CLIENTS; i++) {
      assertThat(readInt()).isEqualTo(i);
    }

    assertThat(all).allMatch(Future::isSuccess);
  }

  @ParameterizedTest
  @ValueSource(strings = {"epoll", "nio", "io_uring"})
  void whoGivesUpIsNotConnectedAndIsInNobodysWay(String transport) throws Exception {
    var wired = wired(transport);
    var all = connectAll(wired);
    var waiting = all.stream().filter(one -> !one.isDone()).toList();
    assertThat(waiting).hasSizeGreaterThan(1);
    var last = waiting.getLast();
    waiting.subList(0, waiting.size() - 1).forEach(one -> one.cancel(false));

    instance.configureBlocking(false);
    await()
        .pollInterval(Duration.ofMillis(5))
        .until(
            () -> {
              var next = instance.accept();
              if (next != null) {
                open.add(next);
              }
              return last.isSuccess();
            });

    assertThat(waiting).filteredOn(Future::isSuccess).containsExactly(last);
  }

  @ParameterizedTest
  @ValueSource(strings = {"epoll", "nio", "io_uring"})
  void thoseWhoWaitAreToldWhenTheInstanceEnds(String transport) throws Exception {
    var wired = wired(transport);
    var all = connectAll(wired);

    instance.close();

    await().untilAsserted(() -> assertThat(all).allMatch(Future::isDone));
    assertThat(all).anyMatch(one -> !one.isSuccess());
  }

  @ParameterizedTest
  @ValueSource(strings = {"epoll", "nio", "io_uring"})
  void aBackendThatIsConnectedAheadWaitsToo(String transport) throws Exception {
    var wired = wired(transport);
    fill();
    var backends = new Backends(wired.connector(), new SimpleMeterRegistry());
    open.add(backends);
    var loop = wired.loops().next();
    var startup = new StartupMessage(StartupPacket.PROTOCOL_3_0, Map.of("user", "app"));
    var own = new AtomicReference<Future<Channel>>();
    var _ =
        loop.submit(
                () ->
                    own.set(
                        backends.open(
                            loop,
                            endpoint,
                            startup,
                            new BackendPolicy(false, 1),
                            new ChannelInboundHandlerAdapter())))
            .sync();

    // The session's own comes first, which says nothing here; the one ahead says its startup.
    acceptUntilSaid(Integer.BYTES);

    assertThat(own.get().isSuccess()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"epoll", "nio"})
  void aCancelRequestWaitsToo(String transport) throws Exception {
    var wired = wired(transport);
    fill();
    var keys = new CancelRegistry(new SecureRandom());
    var own = new CancelKey(4711, new byte[] {1, 2, 3, 4});
    var given = keys.register(own, endpoint).clientKey();
    var meters = new SimpleMeterRegistry();
    var asking = asking(wired);
    asking
        .eventLoop()
        .execute(
            () ->
                new CancelForwarder(keys, wired.connector(), meters)
                    .forward(given, asking, Optional.empty()));

    // Length, code, process id.
    var request = acceptUntilSaid(4 * Integer.BYTES);

    assertThat(request.getInt(2 * Integer.BYTES)).isEqualTo(4711);
    await()
        .untilAsserted(
            () ->
                assertThat(
                        meters
                            .get("vela.cancel.requests")
                            .tag("outcome", "forwarded")
                            .counter()
                            .count())
                    .isEqualTo(1));
  }

  /** A channel of the transport, as that of a client that asks to cancel. */
  private Channel asking(Wired wired) throws Exception {
    var path = folder.resolve("asking");
    var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(path));
    open.add(server);
    return wired.connect(new Endpoint.UnixSocket(path.toString())).sync().getNow();
  }

  /** Connects others until there is no room. */
  private void fill() throws IOException {
    while (true) {
      var other = SocketChannel.open(StandardProtocolFamily.UNIX);
      open.add(other);
      other.configureBlocking(false);
      try {
        other.connect(UnixDomainSocketAddress.of(folder.resolve("s")));
      } catch (SocketException full) {
        return;
      }
    }
  }

  /** Accepts one after the other until one has said so much; those before say nothing. */
  private ByteBuffer acceptUntilSaid(int bytes) throws IOException {
    var accepted = new ArrayList<SocketChannel>();
    instance.configureBlocking(false);
    var said = ByteBuffer.allocate(1024);
    await()
        .pollInterval(Duration.ofMillis(5))
        .until(
            () -> {
              var next = instance.accept();
              if (next != null) {
                next.configureBlocking(false);
                open.add(next);
                accepted.add(next);
              }
              for (var one : accepted) {
                one.read(said);
              }
              return said.position() >= bytes;
            });
    return said.flip();
  }
}
