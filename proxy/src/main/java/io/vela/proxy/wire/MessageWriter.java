package io.vela.proxy.wire;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;

/** Writes the parts of messages and fills in lengths afterwards. Does not own the buffer. */
final class MessageWriter {
  private final ByteBuf out;
  private int lengthIndex;

  MessageWriter(ByteBuf out) {
    this.out = out;
  }

  /** A message with a type byte. */
  MessageWriter begin(int type) {
    out.writeByte(type);
    return beginUntyped();
  }

  /** A startup packet. */
  MessageWriter beginUntyped() {
    lengthIndex = out.writerIndex();
    out.writeInt(0);
    return this;
  }

  void end() {
    out.setInt(lengthIndex, out.writerIndex() - lengthIndex);
  }

  MessageWriter writeByte(int value) {
    out.writeByte(value);
    return this;
  }

  MessageWriter writeInt(int value) {
    out.writeInt(value);
    return this;
  }

  MessageWriter writeShort(int value) {
    out.writeShort(value);
    return this;
  }

  MessageWriter writeBytes(byte[] bytes) {
    out.writeBytes(bytes);
    return this;
  }

  /**
   * A zero-terminated string; of a startup packet's strings the bytes that came, see {@link
   * RawText}.
   *
   * @throws IllegalArgumentException when it holds a zero itself, which would forge what follows
   */
  MessageWriter writeString(String text) {
    if (text.indexOf('\0') >= 0) {
      throw new IllegalArgumentException("a string of the protocol cannot hold a zero");
    }
    if (RawText.isRaw(text)) {
      out.writeBytes(RawText.encode(text));
    } else {
      out.writeCharSequence(text, UTF_8);
    }
    out.writeByte(0);
    return this;
  }

  /**
   * A zero-terminated string in whatever encoding it has.
   *
   * @throws IllegalArgumentException when it holds a zero itself
   */
  MessageWriter writeString(byte[] text) {
    for (byte value : text) {
      if (value == 0) {
        throw new IllegalArgumentException("a string of the protocol cannot hold a zero");
      }
    }
    out.writeBytes(text);
    out.writeByte(0);
    return this;
  }

  MessageWriter writeKey(CancelKey key) {
    key.writeTo(out);
    return this;
  }
}
