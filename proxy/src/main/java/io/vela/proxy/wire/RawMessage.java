package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.Arrays;

/** One whole message as it came, type and length included; kept on the heap. */
public final class RawMessage {
  private static final int HEADER_LENGTH = 1 + Integer.BYTES;

  private final byte[] bytes;

  private RawMessage(byte[] bytes) {
    this.bytes = bytes;
  }

  /** Copies the payload, which stays the caller's. */
  public static RawMessage of(byte type, ByteBuf payload) {
    int length = payload.readableBytes();
    var bytes = new byte[HEADER_LENGTH + length];
    Unpooled.wrappedBuffer(bytes)
        .setIndex(0, 0)
        .writeByte(type)
        .writeInt(Integer.BYTES + length)
        .writeBytes(payload, payload.readerIndex(), length);
    return new RawMessage(bytes);
  }

  /** Takes what {@link FrontendMessages} or {@link BackendMessages} wrote, and releases it. */
  public static RawMessage take(ByteBuf message) {
    try {
      return new RawMessage(ByteBufUtil.getBytes(message));
    } finally {
      message.release();
    }
  }

  /** Its type byte. */
  public byte type() {
    return bytes[0];
  }

  /** How many bytes it has in all. */
  public int length() {
    return bytes.length;
  }

  /** All of it, to be written. */
  public ByteBuf toBuffer() {
    return Unpooled.wrappedBuffer(bytes).asReadOnly();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof RawMessage message && Arrays.equals(message.bytes, bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  /** Shows type and length and never the content. */
  @Override
  public String toString() {
    return "RawMessage[" + (char) type() + ", " + bytes.length + " bytes]";
  }
}
