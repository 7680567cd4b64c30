package io.vela.proxy.relay;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.ssl.SslCloseCompletionEvent;
import io.vela.proxy.net.BusyPoll;
import io.vela.proxy.wire.FrameTracker;
import io.vela.proxy.wire.FrontendType;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads one channel of a {@link RelayPair} and writes to the other. Each buffer is passed on as it
 * was read, so the only work for a message is to step over its header.
 *
 * <p>Writes are flushed when a run of reads is over, or in the middle of it when the peer's write
 * buffer is full. Only if it is full after that flush does reading stop: the gate is not touched
 * while the peer keeps up.
 */
final class RelayHandler extends ChannelInboundHandlerAdapter {
  private static final Logger log = LoggerFactory.getLogger(RelayHandler.class);

  /** As much from one run of reads after the other is a stream: what Postgres sends at once. */
  private static final int STREAM_RUN = 8192;

  /** So many bytes of it are moved as they come: most answers are shorter. */
  private static final int STREAM = 256 * 1024;

  /** Less than it takes to fill a socket's buffer (208 KiB), so that nobody waits for room. */
  private static final long STREAM_PAUSE_NANOS = 50_000;

  private enum Mode {
    RELAYING,
    /** Relaying only until the end of the message that has begun. */
    TO_BOUNDARY,
    DISCARDING
  }

  private final RelayPair pair;
  private final Direction direction;
  private final Channel peer;
  private final FrameTracker tracker;
  private final ReadGate gate;
  private final ReadGate peerGate;

  private Mode mode = Mode.RELAYING;
  private boolean unflushed;
  private boolean brokenReported;
  private long bytes;
  private long bytesBefore;
  private long streamed;

  /**
   * Made for one channel.
   *
   * @param direction where this channel's bytes go
   * @param gate of this channel
   * @param peerGate of the peer, opened when this channel can be written again
   */
  RelayHandler(
      RelayPair pair,
      Direction direction,
      Channel peer,
      FrameTracker tracker,
      ReadGate gate,
      ReadGate peerGate) {
    this.pair = pair;
    this.direction = direction;
    this.peer = peer;
    this.tracker = tracker;
    this.gate = gate;
    this.peerGate = peerGate;
  }

  /** Bytes relayed from this channel. */
  long bytes() {
    return bytes;
  }

  /** Relays to the end of the message that has begun, reports it to the pair, then discards. */
  void stopAtBoundary() {
    mode = Mode.TO_BOUNDARY;
  }

  /** Whoever comes next in the pipeline reads as it likes. */
  void leave() {
    gate.open();
  }

  /** From now on reads as fast as it comes and drops it, so that the end is noticed. */
  void discard() {
    mode = Mode.DISCARDING;
    gate.open();
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    var buffer = (ByteBuf) message;
    switch (mode) {
      case RELAYING -> {
        tracker.track(buffer);
        if (tracker.lastType() == FrontendType.TERMINATE && pair.parted(direction, buffer)) {
          buffer.release();
        } else {
          relay(buffer);
        }
      }
      case TO_BOUNDARY -> relayToBoundary(buffer);
      case DISCARDING -> buffer.release();
    }
  }

  private void relay(ByteBuf buffer) {
    bytes += buffer.readableBytes();
    unflushed = true;
    var _ = peer.write(buffer, peer.voidPromise());
    if (!peer.isWritable()) {
      flush();
      if (!peer.isWritable()) {
        gate.close();
      }
    }
  }

  private void relayToBoundary(ByteBuf buffer) {
    int boundary = tracker.trackToBoundary(buffer);
    if (boundary < 0) {
      relay(buffer);
      return;
    }
    relay(buffer.readRetainedSlice(boundary));
    buffer.release();
    pair.boundaryReached();
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    // Before the peer can have it: who has an answer finds it counted.
    pair.meter(direction, bytes);
    flush();
    pauseInStream();
    pair.readComplete();
    if (tracker.broken() && !brokenReported) {
      brokenReported = true;
      pair.framingBroken(direction);
    }
  }

  /**
   * Lets a stream gather before it is read again. Who is woken for each of Postgres's sends, 8 KiB,
   * spends more on waking than on moving, makes Postgres spend as much, and on few cores takes one
   * from the two who make and take the stream.
   */
  private void pauseInStream() {
    long run = bytes - bytesBefore;
    bytesBefore = bytes;
    streamed = run >= STREAM_RUN ? streamed + run : 0;
    if (streamed >= STREAM && mode == Mode.RELAYING && !pair.idle()) {
      BusyPoll.skip();
      gate.pause(STREAM_PAUSE_NANOS);
    }
  }

  private void flush() {
    if (unflushed) {
      unflushed = false;
      peer.flush();
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (ctx.channel().isWritable()) {
      peerGate.open();
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    // A client that has said goodbye to TLS sends no more, though its socket be open.
    if (event == ChannelInputShutdownEvent.INSTANCE || event == SslCloseCompletionEvent.SUCCESS) {
      flush();
      pair.inputEnded(direction);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    flush();
    pair.meter(direction, bytes);
    pair.channelClosed(direction);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    // A decoder's exception wraps what broken TLS throws.
    if (cause instanceof IOException || cause.getCause() instanceof IOException) {
      log.debug("connection broken direction={} cause=\"{}\"", direction, cause.toString());
      // Of a client nothing more is to be had. A backend whose input is gone still has last words;
      // when they are read, or cannot be, Netty closes it.
      if (direction == Direction.TO_BACKEND) {
        var _ = ctx.close();
      }
    } else {
      log.error("relay failed direction={}", direction, cause);
      var _ = ctx.close();
    }
  }
}
