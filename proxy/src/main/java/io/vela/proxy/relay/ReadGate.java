package io.vela.proxy.relay;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.netty.channel.Channel;
import io.netty.channel.socket.DuplexChannel;

/**
 * Lets one channel be read or not, depending on whether its peer takes what is read. Used on the
 * channel's event loop.
 */
final class ReadGate {
  private final Channel source;
  private boolean open = true;
  private boolean paused;

  ReadGate(Channel source) {
    this.source = source;
  }

  /** Stops reading, at once even in the middle of a run of reads. */
  void close() {
    if (open) {
      open = false;
      source.config().setAutoRead(false);
    }
  }

  /** Stops reading for a while, or until it is opened or closed. */
  void pause(long nanos) {
    if (open) {
      close();
      paused = true;
      var _ = source.eventLoop().schedule(this::goOn, nanos, NANOSECONDS);
    }
  }

  private void goOn() {
    if (paused) {
      open();
    }
  }

  /** Reads on. */
  void open() {
    paused = false;
    if (!open) {
      open = true;
      readOn(source);
    }
  }

  /** Lets a channel be read, unless it never will: of a closed one this would make an exception. */
  static void readOn(Channel channel) {
    var ended = channel instanceof DuplexChannel duplex && duplex.isInputShutdown();
    if (channel.isOpen() && !ended) {
      channel.config().setAutoRead(true);
    }
  }
}
