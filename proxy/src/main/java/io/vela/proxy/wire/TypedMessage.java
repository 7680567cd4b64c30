package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.DefaultByteBufHolder;

/**
 * One whole message with a type byte. Who receives it releases it; the payload, without type and
 * length, is a slice of what was read and may have been extended over several reads.
 */
public final class TypedMessage extends DefaultByteBufHolder implements HandshakeMessage {
  private final byte type;

  /** Takes over the payload's reference. */
  public TypedMessage(byte type, ByteBuf payload) {
    super(payload);
    this.type = type;
  }

  /** One of {@link FrontendType} or {@link BackendType}, depending on who sent it. */
  public byte type() {
    return type;
  }

  @Override
  public TypedMessage replace(ByteBuf payload) {
    return new TypedMessage(type, payload);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TypedMessage message && message.type == type && super.equals(other);
  }

  @Override
  public int hashCode() {
    return 31 * super.hashCode() + type;
  }

  /** Shows type and length and never the content, which may be a password. */
  @Override
  public String toString() {
    return "TypedMessage[" + (char) type + ", " + content().readableBytes() + " bytes]";
  }
}
