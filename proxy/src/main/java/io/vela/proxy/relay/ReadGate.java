package io.vela.proxy.relay;

import io.netty.channel.Channel;

/**
 * Lets one channel be read or not, depending on whether its peer takes what is read. Used on the
 * channel's event loop.
 */
final class ReadGate {
  private final Channel source;
  private boolean open = true;

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

  /** Reads on. */
  void open() {
    if (!open) {
      open = true;
      // Of a closed channel this would only make an exception.
      if (source.isOpen()) {
        source.config().setAutoRead(true);
      }
    }
  }
}
