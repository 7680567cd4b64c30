package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;

/**
 * Walks the message headers (type byte, int32 length) of one direction of a conversation, over
 * whole buffers that may be cut anywhere. Only reads by index: it copies nothing, allocates
 * nothing, throws nothing, and leaves the buffers' indexes alone. Lengths up to 2<sup>31</sup>-1
 * are legal and cost nothing.
 *
 * <p>A length below 4 breaks the framing. From then on nothing is tracked, {@link #broken()} is
 * true and the ledger is no longer certain; what to do with the bytes is the caller's decision.
 *
 * <p>One thread at a time.
 */
public abstract sealed class FrameTracker permits FrontendTracker, BackendTracker {
  private static final int LENGTH_BYTES = Integer.BYTES;
  private static final int HEADER_BYTES = 1 + LENGTH_BYTES;

  final RequestLedger ledger;

  private byte type;
  private int headerBytesSeen;
  private int length;
  private int bodyLeft;
  private boolean watchingBody;
  private boolean broken;

  FrameTracker(RequestLedger ledger) {
    this.ledger = ledger;
  }

  /** Takes note of all readable bytes. */
  public final void track(ByteBuf buffer) {
    track(buffer, false);
  }

  /**
   * Takes note of bytes only until the first end of a message.
   *
   * @return how many bytes, from the reader index, lie before that end; -1 when all readable bytes
   *     were taken and none of them ends a message
   */
  public final int trackToBoundary(ByteBuf buffer) {
    return track(buffer, true);
  }

  /** Whether the last byte seen ended a message; true at the start, false once broken. */
  public final boolean atBoundary() {
    return bodyLeft == 0 && headerBytesSeen == 0 && !broken;
  }

  /** The type of the message last begun; 0 before the first. */
  public final byte lastType() {
    return type;
  }

  /** The length word of the message last begun. */
  final int lastLength() {
    return length;
  }

  /** Whether the framing was broken and tracking has stopped. */
  public final boolean broken() {
    return broken;
  }

  private int track(ByteBuf buffer, boolean stopAtBoundary) {
    int start = buffer.readerIndex();
    int end = buffer.writerIndex();
    int index = start;
    while (index < end && !broken) {
      if (bodyLeft > 0) {
        int count = Math.min(bodyLeft, end - index);
        if (watchingBody) {
          watchingBody = body(buffer, index, count);
        }
        index += count;
        bodyLeft -= count;
      } else if (headerBytesSeen == 0 && end - index >= HEADER_BYTES) {
        type = buffer.getByte(index);
        length = buffer.getInt(index + 1);
        index += HEADER_BYTES;
        headerComplete();
      } else {
        headerByte(buffer.getByte(index++));
      }
      if (stopAtBoundary && atBoundary()) {
        return index - start;
      }
    }
    return -1;
  }

  private void headerByte(byte value) {
    if (headerBytesSeen == 0) {
      type = value;
      length = 0;
    } else {
      length = (length << Byte.SIZE) | (value & 0xff);
    }
    if (++headerBytesSeen == HEADER_BYTES) {
      headerComplete();
    }
  }

  private void headerComplete() {
    headerBytesSeen = 0;
    if (length < LENGTH_BYTES) {
      broken = true;
      ledger.framingBroken();
      return;
    }
    bodyLeft = length - LENGTH_BYTES;
    watchingBody = message(type);
  }

  /**
   * A message begins.
   *
   * @return whether {@link #body} wants to see its content
   */
  abstract boolean message(byte messageType);

  /**
   * A part of the content of a message.
   *
   * @return whether to see the rest too
   */
  abstract boolean body(ByteBuf buffer, int index, int count);
}
