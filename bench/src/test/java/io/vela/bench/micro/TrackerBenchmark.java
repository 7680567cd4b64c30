package io.vela.bench.micro;

import io.netty.buffer.ByteBuf;
import io.vela.proxy.wire.BackendTracker;
import io.vela.proxy.wire.FrameTracker;
import io.vela.proxy.wire.FrontendTracker;
import io.vela.proxy.wire.RequestLedger;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** What following a conversation costs: both trackers and the ledger between them. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class TrackerBenchmark {
  private static final int MANY = 1000;

  /** Into how large pieces the network cuts it. */
  @Param({"3", "8192"})
  private int piece;

  private final Follower follower = new Follower();
  private final ByteBuf request = new Conversation().preparedSelect().bytes();
  private final ByteBuf answer = new Conversation().answerOfOneRow().bytes();
  private final ByteBuf requests = times(MANY, Conversation::preparedSelect);
  private final ByteBuf answers = times(MANY, Conversation::answerOfOneRow);
  private final ByteBuf rows = result();

  /** Made by JMH. */
  public TrackerBenchmark() {}

  /** One after the other, as most clients do. */
  @Benchmark
  public boolean oneSelect() {
    return follower.follow(request, answer, piece);
  }

  /** A thousand requests before the first answer. */
  @Benchmark
  public boolean thousandSelectsPipelined() {
    return follower.follow(requests, answers, piece);
  }

  /** A thousand rows for one request. */
  @Benchmark
  public boolean thousandRows() {
    return follower.follow(request, rows, piece);
  }

  /** A benchmark of a conversation that is not understood measures nothing. */
  @Setup
  public void check() {
    if (!(oneSelect() && thousandSelectsPipelined() && thousandRows())) {
      throw new IllegalStateException("not idle after its answer");
    }
  }

  /** The buffers are not pooled, but direct. */
  @TearDown
  public void release() {
    for (var buffer : new ByteBuf[] {request, answer, requests, answers, rows}) {
      buffer.release();
    }
  }

  private static ByteBuf times(int count, Consumer<Conversation> step) {
    var conversation = new Conversation();
    for (int i = 0; i < count; i++) {
      step.accept(conversation);
    }
    return conversation.bytes();
  }

  private static ByteBuf result() {
    var conversation = new Conversation().message('2', "");
    for (int i = 0; i < MANY; i++) {
      conversation.row();
    }
    return conversation.message('C', "SELECT 1000\0").message('Z', "I").bytes();
  }

  /** The relay's part in it, without the relay. */
  private static final class Follower {
    private final RequestLedger ledger = new RequestLedger();
    private final FrontendTracker frontend = new FrontendTracker(ledger);
    private final BackendTracker backend = new BackendTracker(ledger, (byte) 'I');

    boolean follow(ByteBuf asked, ByteBuf answered, int piece) {
      inPieces(asked, piece, frontend);
      inPieces(answered, piece, backend);
      return ledger.idle();
    }

    // By moving the indexes, since a slice a piece would be measured too.
    private static void inPieces(ByteBuf bytes, int piece, FrameTracker tracker) {
      int end = bytes.writerIndex();
      for (int at = 0; at < end; at += piece) {
        bytes.setIndex(at, Math.min(end, at + piece));
        tracker.track(bytes);
      }
      bytes.setIndex(0, end);
    }
  }
}
