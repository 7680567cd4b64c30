package io.vela.proxy.relay;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.ReferenceCountUtil;
import java.time.Duration;

/**
 * Closes a client's connection so that what was written to it arrives. A socket that is closed
 * while the client's own bytes lie unread in it is reset, and the reset can overtake the last
 * words; so this ends the output, and waits for the client to end its own while the relay drops
 * what still comes.
 *
 * <p>A client that takes nothing for too long is cut off. Under TLS the output ends with a
 * close_notify (RFC 8446, section 6.1), and what still comes is dropped as it is, undecrypted.
 */
final class LingeringClose {
  private final Channel client;
  private final Duration stall;
  private final Duration goodbye;
  private boolean outputEnded;

  /**
   * Made once for a channel.
   *
   * @param stall how long the client may take nothing before it is cut off
   * @param goodbye how long it may keep its side open after it has been sent everything
   */
  LingeringClose(Channel client, Duration stall, Duration goodbye) {
    this.client = client;
    this.stall = stall;
    this.goodbye = goodbye;
  }

  /**
   * Begins; returns at once. Later writes are not allowed.
   *
   * @param clientEnded whether the client has ended its output, so that nothing needs to be waited
   *     for
   */
  void begin(boolean clientEnded) {
    watch(pendingBytes());
    client
        .writeAndFlush(Unpooled.EMPTY_BUFFER)
        .addListener(
            written -> {
              if (written.isSuccess() && !clientEnded && client instanceof DuplexChannel duplex) {
                endOutput(duplex);
              } else {
                close();
              }
            });
  }

  /** The client has ended its output meanwhile. */
  void clientEnded() {
    if (outputEnded) {
      close();
    }
  }

  private void endOutput(DuplexChannel duplex) {
    var tls = client.pipeline().get(SslHandler.class);
    if (tls == null) {
      shutdownOutput(duplex);
      return;
    }
    client.pipeline().addFirst(new Dropping());
    var _ = tls.closeOutbound().addListener(_ -> shutdownOutput(duplex));
  }

  private void shutdownOutput(DuplexChannel duplex) {
    duplex
        .shutdownOutput()
        .addListener(
            ended -> {
              outputEnded = true;
              if (!ended.isSuccess() || duplex.isInputShutdown()) {
                close();
              } else {
                after(goodbye, this::close);
              }
            });
  }

  /** Takes what is read before TLS does, which has ended. */
  private static final class Dropping extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      ReferenceCountUtil.release(message);
    }
  }

  private void watch(long pendingBefore) {
    after(
        stall,
        () -> {
          long pending = pendingBytes();
          if (pending > 0 && pending == pendingBefore) {
            close();
          } else {
            watch(pending);
          }
        });
  }

  private void after(Duration delay, Runnable task) {
    var scheduled = client.eventLoop().schedule(task, delay.toNanos(), NANOSECONDS);
    client.closeFuture().addListener(_ -> scheduled.cancel(false));
  }

  private void close() {
    var _ = client.close();
  }

  private long pendingBytes() {
    var buffer = client.unsafe().outboundBuffer();
    return buffer == null ? 0 : buffer.totalPendingWriteBytes();
  }
}
