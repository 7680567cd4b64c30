package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import java.util.List;

/**
 * Cuts a stream into {@link TypedMessage}s while a session is set up: passwords from a client, the
 * first answers from a server. Not for the relay, which never collects a message. A frame that is
 * too long or shorter than its own length word becomes {@link Malformed}, before anything is kept
 * for it, and nothing follows. Bytes not yet decoded go to the next handler when this one is
 * removed, so it can be removed while any message is being handled.
 */
public final class MessageDecoder extends ByteToMessageDecoder {
  private static final int HEADER_LENGTH = 1 + Integer.BYTES;

  private final int maxLength;
  private boolean ended;

  /**
   * Made for one connection.
   *
   * @param maxLength the longest payload to accept, in bytes
   */
  public MessageDecoder(int maxLength) {
    this.maxLength = maxLength;
  }

  /** Whether nothing has been received beyond the last whole message. */
  public boolean isEmpty() {
    return actualReadableBytes() == 0;
  }

  /** Whether nothing is held of a message that has only begun. */
  public boolean isBetweenMessages() {
    return actualReadableBytes() == 0;
  }

  @Override
  protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
    if (ended) {
      in.skipBytes(in.readableBytes());
      return;
    }
    if (in.readableBytes() < HEADER_LENGTH) {
      return;
    }
    byte type = in.getByte(in.readerIndex());
    long length = in.getInt(in.readerIndex() + 1) - (long) Integer.BYTES;
    if (length < 0 || length > maxLength) {
      ended = true;
      in.skipBytes(in.readableBytes());
      out.add(
          new Malformed(
              ErrorMessage.fatal(
                  SqlState.PROTOCOL_VIOLATION,
                  "invalid length of message type 0x%02x".formatted(type))));
      return;
    }
    if (in.readableBytes() < HEADER_LENGTH + length) {
      return;
    }
    in.skipBytes(HEADER_LENGTH);
    out.add(new TypedMessage(type, in.readRetainedSlice((int) length)));
  }
}
