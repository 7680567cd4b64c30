package io.vela.proxy.relay;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.vela.proxy.wire.Bytes;
import io.vela.proxy.wire.ClientTrace;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.Pings;
import io.vela.proxy.wire.SqlState;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RelayPairTest {
  private static final ErrorMessage SHUTDOWN =
      ErrorMessage.fatal(SqlState.ADMIN_SHUTDOWN, "branch suspended");
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private final EmbeddedChannel client = new EmbeddedChannel();
  private final EmbeddedChannel backend = new EmbeddedChannel();
  private final List<String> events = new ArrayList<>();
  private final List<ByteBuf> passed = new ArrayList<>();
  private final RelayPair pair =
      new RelayPair(
          client,
          backend,
          (byte) 'I',
          new ClientTrace(Pings.NONE),
          0,
          new RelayListener() {
            @Override
            public long millis() {
              return System.currentTimeMillis();
            }

            @Override
            public void clientEnded() {
              events.add("clientEnded");
            }

            @Override
            public void backendEnded(boolean untold) {
              events.add("backendEnded untold=" + untold);
            }

            @Override
            public void framingBroken(Direction direction) {
              events.add("framingBroken " + direction);
            }

            @Override
            public void closed(RelayEnd end) {
              events.add("closed " + end);
            }
          },
          (direction, bytes, requests) ->
              events.add(direction + " " + bytes + " bytes, " + requests + " requests"));

  RelayPairTest() {
    pair.start();
  }

  @AfterEach
  void everyBufferIsReleased() {
    client.finishAndReleaseAll();
    backend.finishAndReleaseAll();
    assertThat(passed).allSatisfy(buffer -> assertThat(buffer.refCnt()).isZero());
  }

  @Test
  void buffersPassUntouchedAndAreCounted() {
    var query = buffer(new Bytes().message('Q', "select 1\0"));
    client.writeInbound(query);
    assertThat(backend.<ByteBuf>readOutbound()).isSameAs(query);
    assertThat(query.refCnt()).isEqualTo(1);
    assertThat(pair.idle()).isFalse();
    query.release();
    fromBackend(new Bytes().message('C', "SELECT 1\0").message('Z', "I"));
    assertThat(pair.idle()).isTrue();
    assertThat(pair.bytes(Direction.TO_BACKEND)).isEqualTo(14);
    assertThat(pair.bytes(Direction.TO_CLIENT)).isEqualTo(20);
    assertThat(events)
        .containsExactly("TO_BACKEND 14 bytes, 1 requests", "TO_CLIENT 20 bytes, 0 requests");
  }

  @Test
  void aPeerThatTakesNothingStopsTheReadingAndOneThatTakesAgainStartsIt() {
    client.unsafe().outboundBuffer().setUserDefinedWritability(1, false);
    fromBackend(new Bytes().message('D', "row"));
    assertThat(backend.config().isAutoRead()).isFalse();
    assertThat(client.config().isAutoRead()).isTrue();
    client.unsafe().outboundBuffer().setUserDefinedWritability(1, true);
    client.runPendingTasks();
    assertThat(backend.config().isAutoRead()).isTrue();
  }

  @Test
  void aClientThatLeavesEndsItsBackend() {
    var _ = client.close();
    assertThat(backend.isOpen()).isFalse();
    assertThat(events)
        .containsExactly("clientEnded", "backendEnded untold=false", "closed CLIENT_LEFT");
  }

  @Test
  void aClientThatSaysGoodbyeIsKnownToHaveDoneSo() {
    fromClient(new Bytes().message('X', ""));
    client.pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
    var _ = backend.close();
    assertThat(events).last().isEqualTo("closed CLIENT_TERMINATED");
    assertThat(client.isOpen()).isFalse();
  }

  @Test
  void aBackendThatIsKeptDoesNotHearTheGoodbye() {
    pair.keepBackend(() -> events.add("left"));
    client.writeInbound(buffer(new Bytes().message('X', "")));
    assertThat(backend.<ByteBuf>readOutbound()).isNull();
    assertThat(backend.isOpen()).isTrue();
    assertThat(client.isOpen()).isFalse();
    assertThat(events).contains("left").last().isEqualTo("closed CLIENT_TERMINATED");
  }

  @Test
  void aBackendThatIsAtWorkIsNotKept() {
    pair.keepBackend(() -> events.add("left"));
    fromClient(new Bytes().message('Q', "select 1\0"));
    fromClient(new Bytes().message('X', ""));
    assertThat(events).doesNotContain("left");
    assertThat(client.isOpen()).isTrue();
  }

  @Test
  void aBackendThatVanishesBetweenMessagesIsExplainedByTheListener() {
    var _ = backend.close();
    assertThat(events).containsExactly("backendEnded untold=true");
    assertThat(client.isOpen()).isTrue();
    pair.terminate(ErrorMessage.fatal(SqlState.CRASH_SHUTDOWN, "instance died"), PATIENCE);
    assertThat(sentToClient()).contains("VFATAL\0C57P02\0Minstance died\0");
    assertThat(client.isOpen()).isFalse();
    assertThat(events).last().isEqualTo("closed BACKEND_VANISHED");
  }

  @Test
  void aBackendThatSaidFatalIsNotExplainedTwice() {
    fromBackend(new Bytes().message('E', "SFATAL\0VFATAL\0C57P01\0Mbye\0\0"));
    var _ = backend.close();
    assertThat(events)
        .contains("backendEnded untold=false")
        .last()
        .isEqualTo("closed BACKEND_CLOSED");
    assertThat(client.isOpen()).isFalse();
  }

  @Test
  void aBackendThatVanishesInsideAMessageIsNotExplainedInsideIt() {
    fromBackend(new Bytes().message('D', "a row").message('D', "half"), 3);
    var _ = backend.close();
    assertThat(client.isOpen()).isFalse();
    assertThat(events).contains("backendEnded untold=false", "closed BACKEND_VANISHED");
    assertThat(sentToClient()).isEmpty();
  }

  @Test
  void whoIsTerminatedBetweenMessagesIsToldAtOnce() {
    pair.terminate(SHUTDOWN, PATIENCE);
    assertThat(sentToClient()).startsWith("E").contains("C57P01\0Mbranch suspended\0");
    assertThat(client.isOpen()).isFalse();
    assertThat(backend.isOpen()).isFalse();
    assertThat(events).last().isEqualTo("closed TERMINATED");
  }

  @Test
  void whoIsTerminatedInsideAMessageIsToldAfterIt() {
    var rows = new Bytes().message('D', "first row").message('D', "second row").toArray();
    backend.writeInbound(keep(Unpooled.copiedBuffer(rows, 0, 7)));
    pair.terminate(SHUTDOWN, PATIENCE);
    assertThat(client.isOpen()).isTrue();
    backend.writeInbound(keep(Unpooled.copiedBuffer(rows, 7, rows.length - 7)));
    var sent = sentToClient();
    assertThat(sent).startsWith("D\0\0\0\15first rowE\0\0").endsWith("Mbranch suspended\0\0");
    assertThat(client.isOpen()).isFalse();
  }

  @Test
  void aMessageThatDoesNotEndInTimeIsCutOff() {
    fromBackend(new Bytes().message('D', "a row"), 2);
    pair.terminate(SHUTDOWN, PATIENCE);
    client.advanceTimeBy(2, TimeUnit.SECONDS);
    client.runScheduledPendingTasks();
    assertThat(client.isOpen()).isFalse();
    assertThat(backend.isOpen()).isFalse();
    assertThat(sentToClient()).doesNotContain("57P01");
  }

  @Test
  void whatAClientSendsAfterTheEndIsDropped() {
    var _ = backend.close();
    var query = buffer(new Bytes().message('Q', "select 1\0"));
    client.writeInbound(query);
    assertThat(query.refCnt()).isZero();
    pair.close();
    assertThat(client.isOpen()).isFalse();
  }

  @Test
  void brokenFramesAreRelayedReportedOnceAndTrustedNoMore() {
    fromClient(new Bytes().message('Q', "select 1\0"));
    var broken = new byte[] {'Q', 0, 0, 0, 1, 'x'};
    for (int i = 0; i < 3; i++) {
      var garbage = keep(Unpooled.copiedBuffer(broken));
      client.writeInbound(garbage);
      assertThat(backend.<ByteBuf>readOutbound()).isSameAs(garbage);
      garbage.release();
    }
    fromBackend(new Bytes().message('C', "").message('Z', "I"));
    assertThat(pair.idle()).isFalse();
    assertThat(events).containsOnlyOnce("framingBroken TO_BACKEND");
  }

  private void fromClient(Bytes bytes) {
    client.writeInbound(buffer(bytes));
    ByteBuf sent = backend.readOutbound();
    sent.release();
  }

  private void fromBackend(Bytes bytes) {
    fromBackend(bytes, 0);
  }

  /** Relays all but the last bytes, and takes them from the client. */
  private void fromBackend(Bytes bytes, int without) {
    var all = buffer(bytes);
    backend.writeInbound(all.writerIndex(all.writerIndex() - without));
    ByteBuf sent = client.readOutbound();
    assertThat(sent).isSameAs(all);
    sent.release();
  }

  private ByteBuf buffer(Bytes bytes) {
    return keep(Unpooled.copiedBuffer(bytes.toArray()));
  }

  private ByteBuf keep(ByteBuf buffer) {
    passed.add(buffer);
    return buffer;
  }

  private String sentToClient() {
    var text = new StringBuilder();
    for (ByteBuf sent = client.readOutbound(); sent != null; sent = client.readOutbound()) {
      text.append(sent.toString(ISO_8859_1));
      sent.release();
    }
    return text.toString();
  }
}
