package io.vela.proxy.park;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.util.concurrent.TimeUnit.SECONDS;

import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoop;
import io.netty.channel.SimpleChannelInboundHandler;
import io.vela.config.ParkPolicy.UnseenSettings;
import io.vela.proxy.RealPostgres;
import io.vela.proxy.backend.BackendConnector;
import io.vela.proxy.net.Transport;
import io.vela.proxy.wire.BackendType;
import io.vela.proxy.wire.FrontendMessages;
import io.vela.proxy.wire.MessageDecoder;
import io.vela.proxy.wire.RawMessage;
import io.vela.proxy.wire.SqlScan;
import io.vela.proxy.wire.StartupPacket;
import io.vela.proxy.wire.StartupPacket.StartupMessage;
import io.vela.proxy.wire.TypedMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Supplier;

/**
 * A client that talks to Postgres, remembers of its session what a proxy would have seen, and can
 * be moved to another backend. What it is told it shows as text, byte for byte.
 */
final class Client implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final RealPostgres postgres;
  private final EventLoop loop;
  private final Map<String, String> startup;
  private final Map<String, String> parameters = new HashMap<>();
  private final LinkedHashSet<String> customSettings = new LinkedHashSet<>();
  private final List<String> loads = new ArrayList<>();
  private final LinkedHashSet<String> functions = new LinkedHashSet<>();
  private boolean unseenSettings;
  private Optional<RawMessage> unnamedStatement = Optional.empty();

  private final List<RawMessage> notifications = new ArrayList<>();
  private List<StaleStatement> stale = List.of();
  private BlockingQueue<TypedMessage> received = new LinkedBlockingQueue<>();
  private Channel backend;

  Client(RealPostgres postgres, EventLoop loop, List<String> startup) throws Exception {
    this.postgres = postgres;
    this.loop = loop;
    this.startup = new LinkedHashMap<>(Map.of("user", "postgres", "database", "postgres"));
    for (int i = 0; i < startup.size(); i += 2) {
      this.startup.put(startup.get(i), startup.get(i + 1));
    }
    backend = connect();
  }

  private Channel connect() throws Exception {
    var channel =
        new BackendConnector(Transport.NIO, PATIENCE)
            .connect(
                loop,
                postgres.endpoint(),
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel opened) {
                    opened.pipeline().addLast(new MessageDecoder(1 << 28), new Receiver());
                  }
                })
            .sync()
            .getNow();
    var _ =
        channel
            .writeAndFlush(
                messages()
                    .startup(new StartupMessage(StartupPacket.PROTOCOL_3_0, startup))
                    .buffer())
            .sync();
    backend = channel;
    readyForQuery(1);
    return channel;
  }

  static FrontendMessages messages() {
    return new FrontendMessages(UnpooledByteBufAllocator.DEFAULT);
  }

  /** What has been reported by ParameterStatus. */
  Map<String, String> parameters() {
    return parameters;
  }

  /** Runs SQL as a simple query; every message that comes, but for notifications. */
  String query(String sql) throws Exception {
    var traces = SqlScan.traces(sql, true);
    customSettings.addAll(traces.customSettings());
    loads.addAll(traces.loads());
    functions.addAll(traces.functions());
    unseenSettings |= traces.unseenSettings();
    unnamedStatement = Optional.empty();
    return send(messages().query(sql), 1);
  }

  /** Prepares a statement. */
  String prepare(String name, String sql, int... types) throws Exception {
    var parse = messages().parse(name.getBytes(ISO_8859_1), sql.getBytes(ISO_8859_1), types);
    if (name.isEmpty()) {
      unnamedStatement = Optional.of(RawMessage.take(parse.buffer().copy()));
    }
    return send(parse.sync(), 1);
  }

  /** Executes a prepared statement. */
  String execute(String name, String... values) throws Exception {
    var binary = Arrays.stream(values).map(value -> value.getBytes(ISO_8859_1)).toList();
    return send(
        messages()
            .describeStatement(name.getBytes(ISO_8859_1))
            .bind(new byte[0], name.getBytes(ISO_8859_1), binary)
            .execute(new byte[0])
            .sync(),
        1);
  }

  String send(FrontendMessages messages, int readies) throws Exception {
    backend.writeAndFlush(messages.buffer()).sync();
    return readyForQuery(readies);
  }

  private String readyForQuery(int times) throws Exception {
    var all = new StringBuilder();
    for (int left = times; left > 0; ) {
      var message = received.poll(PATIENCE.toSeconds(), SECONDS);
      if (message == null) {
        throw new AssertionError("nothing more after " + all);
      }
      left -= message.type() == BackendType.READY_FOR_QUERY ? 1 : 0;
      var raw = RawMessage.of(message.type(), message.content());
      var bytes = ByteBufUtil.getBytes(raw.toBuffer());
      message.release();
      switch (message.type()) {
        case BackendType.PARAMETER_STATUS -> {
          var fields = new String(bytes, 5, bytes.length - 5, ISO_8859_1).split("\0", -1);
          parameters.put(fields[0], fields[1]);
          all.append(show(bytes));
        }
        case BackendType.NOTIFICATION_RESPONSE -> notifications.add(raw);
        case BackendType.BACKEND_KEY_DATA -> {}
        default -> all.append(show(bytes));
      }
    }
    return all.toString();
  }

  /** Notifications so far, with the sender's process id blotted out. */
  List<String> notifications() {
    return notifications.stream()
        .map(message -> ByteBufUtil.getBytes(message.toBuffer()))
        .map(bytes -> new String(bytes, 9, bytes.length - 9, ISO_8859_1).replace('\0', '|'))
        .toList();
  }

  /** A message with its zeros shown. */
  private static String show(byte[] message) {
    return new String(message, 0, 1, ISO_8859_1)
        + new String(message, 5, message.length - 5, ISO_8859_1).replace('\0', '|')
        + "\n";
  }

  Captured capture() throws Exception {
    return capture(UnseenSettings.VETO_WITH_RLS, PATIENCE);
  }

  Captured capture(UnseenSettings policy, Duration patience) throws Exception {
    var seen =
        new SeenState(
            customSettings,
            unseenSettings,
            loads,
            functions,
            parameters.keySet(),
            unnamedStatement,
            stale);
    return withoutClient(
        () -> Capture.begin(backend, seen, new CaptureSettings(policy, patience), this::notified));
  }

  Restored restore(SessionMemory memory) throws Exception {
    return withoutClient(() -> Restore.begin(backend, memory, PATIENCE, this::notified));
  }

  private void notified(RawMessage message) {
    notifications.add(message);
  }

  /** Takes the client's handlers away meanwhile, as a proxy takes away its relay. */
  private <T> T withoutClient(Supplier<CompletionStage<T>> action) throws Exception {
    var result = new CompletableFuture<T>();
    onLoop(
        () -> {
          backend.config().setAutoRead(false);
          while (backend.pipeline().last() != null) {
            backend.pipeline().removeLast();
          }
          action
              .get()
              .whenComplete(
                  (done, thrown) -> {
                    if (backend.pipeline().last() != null) {
                      result.completeExceptionally(new AssertionError("handlers were left"));
                    }
                    if (done instanceof Restored.Done restored) {
                      stale = restored.stale();
                    }
                    if (!stale.isEmpty()) {
                      backend.pipeline().addLast(new StaleErrors(stale));
                    }
                    backend.pipeline().addLast(new MessageDecoder(1 << 28), new Receiver());
                    backend.config().setAutoRead(true);
                    if (thrown == null) {
                      result.complete(done);
                    } else {
                      result.completeExceptionally(thrown);
                    }
                  });
        });
    return result.get(PATIENCE.toSeconds(), SECONDS);
  }

  private void onLoop(Runnable action) {
    loop.execute(action);
  }

  /** Captures, closes the backend, connects anew and restores. */
  Restored.Done move() throws Exception {
    return move(() -> {});
  }

  /**
   * The same.
   *
   * @param meanwhile done while there is no backend
   */
  Restored.Done move(Runnable meanwhile) throws Exception {
    var captured = capture();
    if (!(captured instanceof Captured.Memory(var memory))) {
      throw new AssertionError(captured.toString());
    }
    closeBackend();
    meanwhile.run();
    stale = List.of();
    connect();
    var restored = restore(memory);
    if (!(restored instanceof Restored.Done done)) {
      throw new AssertionError(restored.toString());
    }
    parameters.putAll(done.parameterStatus());
    if (!parameters.equals(memory.parameterStatus())) {
      throw new AssertionError(parameters + " instead of " + memory.parameterStatus());
    }
    return done;
  }

  private void closeBackend() {
    backend.writeAndFlush(messages().terminate().buffer()).syncUninterruptibly();
    backend.closeFuture().syncUninterruptibly();
  }

  @Override
  public void close() {
    if (backend.isActive()) {
      closeBackend();
    }
    received.forEach(TypedMessage::release);
  }

  private final class Receiver extends SimpleChannelInboundHandler<TypedMessage> {
    Receiver() {
      super(false);
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, TypedMessage message) {
      received.add(message);
    }
  }
}
