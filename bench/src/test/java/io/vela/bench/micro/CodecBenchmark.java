package io.vela.bench.micro;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.ReferenceCountUtil;
import io.vela.proxy.wire.BackendMessages;
import io.vela.proxy.wire.CancelKey;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.MessageDecoder;
import io.vela.proxy.wire.SqlState;
import io.vela.proxy.wire.StartupPacketDecoder;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** What a session's first messages cost, read and written. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class CodecBenchmark {
  private static final int PROTOCOL_3_0 = 3 << 16;
  private static final int MOST_BYTES = 65_536;
  private static final int ANSWERS = 10;

  private final ByteBuf startup = startup();
  private final ByteBuf answers = answers();
  private final EmbeddedChannel connected = new EmbeddedChannel(new MessageDecoder(MOST_BYTES));
  private final CancelKey key = new CancelKey(1, new byte[] {1, 2, 3, 4});

  /** Made by JMH. */
  public CodecBenchmark() {}

  /** A new connection's StartupMessage; the channel for it is in the figure. */
  @Benchmark
  public Object readStartupMessage() {
    var channel = new EmbeddedChannel(new StartupPacketDecoder());
    channel.writeInbound(startup.retainedDuplicate());
    var packet = channel.<Object>readInbound();
    channel.finishAndReleaseAll();
    return packet;
  }

  /** Ten messages of a server in one buffer. */
  @Benchmark
  public int readMessages() {
    connected.writeInbound(answers.retainedDuplicate());
    int count = 0;
    for (var message = connected.<Object>readInbound();
        message != null;
        message = connected.<Object>readInbound()) {
      ReferenceCountUtil.release(message);
      count++;
    }
    if (count != ANSWERS) {
      throw new IllegalStateException(count + " messages");
    }
    return count;
  }

  /** What a client gets when it is in. */
  @Benchmark
  public int writeWelcome() {
    return length(
        new BackendMessages(UnpooledByteBufAllocator.DEFAULT)
            .authenticationOk()
            .parameterStatus("server_version", "18.6")
            .parameterStatus("client_encoding", "UTF8")
            .parameterStatus("TimeZone", "Etc/UTC")
            .backendKeyData(key)
            .readyForQuery((byte) 'I'));
  }

  /** What a client gets when it is refused. */
  @Benchmark
  public int writeError() {
    return length(
        new BackendMessages(UnpooledByteBufAllocator.DEFAULT)
            .error(ErrorMessage.fatal(SqlState.PROTOCOL_VIOLATION, "branch \"pr-42\" is away")));
  }

  /** What the benchmarks share. */
  @TearDown
  public void release() {
    connected.finishAndReleaseAll();
    startup.release();
    answers.release();
  }

  private static int length(BackendMessages messages) {
    var buffer = messages.buffer();
    int length = buffer.readableBytes();
    buffer.release();
    return length;
  }

  private static ByteBuf startup() {
    var parameters =
        "user\0app\0database\0app@pr-42\0application_name\0psql\0client_encoding\0UTF8\0\0";
    return Unpooled.directBuffer()
        .writeInt(2 * Integer.BYTES + parameters.length())
        .writeInt(PROTOCOL_3_0)
        .writeBytes(parameters.getBytes(US_ASCII));
  }

  private static ByteBuf answers() {
    var conversation = new Conversation();
    for (int i = 0; i < ANSWERS; i++) {
      conversation.message('S', "application_name\0psql\0");
    }
    return conversation.bytes();
  }
}
