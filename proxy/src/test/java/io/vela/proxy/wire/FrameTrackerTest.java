package io.vela.proxy.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.vela.proxy.wire.Conversation.Turn;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class FrameTrackerTest {
  private final RequestLedger ledger = new RequestLedger();
  private final FrontendTracker client = new FrontendTracker(ledger);
  private final BackendTracker server = new BackendTracker(ledger, (byte) 'I');

  static List<Conversation> conversations() {
    return Conversation.all();
  }

  @ParameterizedTest
  @MethodSource("conversations")
  void aConversationIsFollowed(Conversation conversation) {
    replay(conversation, _ -> new int[0]);
  }

  @ParameterizedTest
  @MethodSource("conversations")
  void aConversationIsFollowedHoweverItIsCutInTwo(Conversation conversation) {
    int longest =
        conversation.turns().stream()
            .mapToInt(turn -> turn.bytes().readableBytes())
            .max()
            .orElse(0);
    for (int cut = 1; cut < longest; cut++) {
      int at = cut;
      new FrameTrackerTest()
          .replay(conversation, length -> at < length ? new int[] {at} : new int[0]);
    }
  }

  @ParameterizedTest
  @MethodSource("conversations")
  void aConversationIsFollowedInPiecesOfEverySize(Conversation conversation) {
    for (int size = 1; size <= 16; size++) {
      int step = size;
      new FrameTrackerTest()
          .replay(
              conversation,
              length -> {
                var cuts = new int[(length - 1) / step];
                for (int i = 0; i < cuts.length; i++) {
                  cuts[i] = (i + 1) * step;
                }
                return cuts;
              });
    }
  }

  private void replay(Conversation conversation, IntFunction<int[]> cuts) {
    for (Turn turn : conversation.turns()) {
      FrameTracker tracker = turn.fromClient() ? client : server;
      int from = 0;
      for (int cut : cuts.apply(turn.bytes().readableBytes())) {
        tracker.track(turn.bytes().slice(from, cut - from));
        from = cut;
      }
      tracker.track(turn.bytes().slice(from, turn.bytes().readableBytes() - from));
      assertThat(ledger.certain()).isTrue();
      assertThat(ledger.inFlight()).isEqualTo(turn.inFlight());
      assertThat(ledger.idle()).isEqualTo(turn.idle());
      assertThat((char) server.transactionStatus()).isEqualTo(turn.status());
      assertThat(server.copy()).isEqualTo(turn.copy());
      assertThat(server.fatalTold()).isFalse();
      assertThat(tracker.atBoundary()).isTrue();
      assertThat(tracker.broken()).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"FATAL", "PANIC"})
  void aFatalErrorIsNoticedHoweverItIsCut(String severity) {
    var bytes =
        new Bytes()
            .message('E', "SSCHLIMM\0V" + severity + "\0C57P01\0Mterminating connection\0\0")
            .toArray();
    for (int cut = 0; cut < bytes.length; cut++) {
      var tracker = new BackendTracker(new RequestLedger(), (byte) 'I');
      tracker.track(Unpooled.wrappedBuffer(bytes, 0, cut));
      tracker.track(Unpooled.wrappedBuffer(bytes, cut, bytes.length - cut));
      assertThat(tracker.fatalTold()).isTrue();
      assertThat(tracker.atBoundary()).isTrue();
    }
  }

  @Test
  void aWarningThatTheServerCrashedIsNoFatalError() {
    track(server, new Bytes().message('N', "SWARNING\0VWARNING\0C57P02\0Mcrash\0\0").toArray());
    assertThat(server.fatalTold()).isFalse();
  }

  @Test
  void anErrorWithoutSeverityOrWithAnEmptyBodyIsNoFatalError() {
    track(server, new Bytes().message('E', "C57P02\0FVF\0\0").message('E', "").toArray());
    assertThat(server.fatalTold()).isFalse();
    assertThat(server.atBoundary()).isTrue();
  }

  @Test
  void terminateIsNoticed() {
    track(client, new Bytes().message('X', "").toArray());
    assertThat(client.terminated()).isTrue();
  }

  @Test
  void theLongestLengthIsLegalAndCostsNothing() {
    ByteBuf chunk = Unpooled.wrappedBuffer(new byte[1 << 20]);
    track(server, new Bytes().raw('D', 0x7f, 0xff, 0xff, 0xff).toArray());
    long left = Integer.MAX_VALUE - 4L;
    while (left > chunk.readableBytes()) {
      server.track(chunk);
      left -= chunk.readableBytes();
      assertThat(server.atBoundary()).isFalse();
    }
    server.track(chunk.slice(0, (int) left));
    assertThat(server.atBoundary()).isTrue();
    track(server, new Bytes().message('Z', "T").toArray());
    assertThat(server.transactionStatus()).isEqualTo((byte) 'T');
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 2, 1, 0, -1, Integer.MIN_VALUE})
  void aLengthShorterThanItselfBreaksTheFraming(int length) {
    var bytes =
        new Bytes()
            .raw('Q', length >>> 24, length >>> 16, length >>> 8, length)
            .message('Q', "more")
            .toArray();
    for (int cut = 0; cut < bytes.length; cut++) {
      var own = new RequestLedger();
      var tracker = new FrontendTracker(own);
      tracker.track(Unpooled.wrappedBuffer(bytes, 0, cut));
      tracker.track(Unpooled.wrappedBuffer(bytes, cut, bytes.length - cut));
      assertThat(tracker.broken()).isTrue();
      assertThat(tracker.atBoundary()).isFalse();
      assertThat(own.certain()).isFalse();
      assertThat(own.idle()).isFalse();
    }
  }

  @Test
  void theFirstBoundaryIsFoundWhereverItLies() {
    var bytes = new Bytes().message('D', "row one").message('D', "").message('C', "x").toArray();
    int end = 5 + "row one".length();
    for (int cut = 0; cut <= end; cut++) {
      var tracker = new BackendTracker(new RequestLedger(), (byte) 'I');
      tracker.track(Unpooled.wrappedBuffer(bytes, 0, cut));
      int expected = cut == end ? 5 : end - cut;
      assertThat(tracker.trackToBoundary(Unpooled.wrappedBuffer(bytes, cut, bytes.length - cut)))
          .isEqualTo(expected);
      assertThat(tracker.atBoundary()).isTrue();
    }
    var tracker = new BackendTracker(new RequestLedger(), (byte) 'I');
    assertThat(tracker.trackToBoundary(Unpooled.wrappedBuffer(bytes, 0, end - 1))).isEqualTo(-1);
  }

  @Test
  void theBuffersIndexesStayAsTheyAre() {
    var buffer = Unpooled.wrappedBuffer(new Bytes().message('Q', "select 1").toArray());
    client.track(buffer);
    assertThat(buffer.readerIndex()).isZero();
    assertThat(buffer.refCnt()).isEqualTo(1);
  }

  @Test
  void randomStreamsInRandomPiecesAgreeWithAPlainDecoder() {
    var random = new Random(42);
    for (int round = 0; round < 500; round++) {
      var stream = new Bytes();
      Set<Integer> boundaries = new HashSet<>(Set.of(0));
      List<Character> types = new ArrayList<>();
      int messages = random.nextInt(1, 60);
      int position = 0;
      long requests = 0;
      for (int i = 0; i < messages; i++) {
        char type = "QQPBDESSCHFdcf".charAt(random.nextInt(14));
        int length = random.nextInt(10) == 0 ? random.nextInt(3000) : random.nextInt(12);
        stream.message(type, "\0".repeat(length));
        position += 5 + length;
        boundaries.add(position);
        types.add(type);
        requests += "QSF".indexOf(type) >= 0 ? 1 : 0;
      }
      var bytes = stream.toArray();
      var own = new RequestLedger();
      var tracker = new FrontendTracker(own);
      for (int at = 0; at < bytes.length; ) {
        int size = Math.min(bytes.length - at, random.nextInt(4) == 0 ? 1 : random.nextInt(1, 200));
        tracker.track(Unpooled.wrappedBuffer(bytes, at, size));
        at += size;
        assertThat(tracker.atBoundary()).isEqualTo(boundaries.contains(at));
      }
      assertThat(tracker.lastType()).isEqualTo((byte) (char) types.getLast());
      assertThat(own.requests()).isEqualTo(requests);
    }
  }

  private static void track(FrameTracker tracker, byte[] bytes) {
    tracker.track(Unpooled.wrappedBuffer(bytes));
  }
}
