package io.vela.proxy.wire;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;

/** Reads the fields of one message's payload and never beyond it. Does not own the buffer. */
final class PayloadReader {
  private final String message;
  private final ByteBuf payload;

  /**
   * Reads from the buffer's reader index to its writer index.
   *
   * @param message the message's name, for errors
   */
  PayloadReader(String message, ByteBuf payload) {
    this.message = message;
    this.payload = payload;
  }

  byte readByte() throws ProtocolViolation {
    require(Byte.BYTES);
    return payload.readByte();
  }

  int readInt() throws ProtocolViolation {
    require(Integer.BYTES);
    return payload.readInt();
  }

  int readShort() throws ProtocolViolation {
    require(Short.BYTES);
    return payload.readUnsignedShort();
  }

  byte[] readBytes(int count) throws ProtocolViolation {
    require(count);
    var bytes = new byte[count];
    payload.readBytes(bytes);
    return bytes;
  }

  /** All that is left. */
  byte[] readRest() throws ProtocolViolation {
    return readBytes(payload.readableBytes());
  }

  int remaining() {
    return payload.readableBytes();
  }

  /** A zero-terminated string that must be valid UTF-8. */
  String readString() throws ProtocolViolation {
    return decode(readTerminated());
  }

  /** A zero-terminated string in any encoding, which is kept: see {@link RawText}. */
  String readRawString() throws ProtocolViolation {
    return RawText.decode(readTerminated());
  }

  /** A zero-terminated string in any encoding: what is not UTF-8 is shown as question marks. */
  String readLenientString() throws ProtocolViolation {
    return new String(readTerminated(), UTF_8);
  }

  String decode(byte[] bytes) throws ProtocolViolation {
    try {
      return UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw ProtocolViolation.of("invalid " + message + ": a string is not valid UTF-8");
    }
  }

  void expectEnd() throws ProtocolViolation {
    if (payload.isReadable()) {
      throw ProtocolViolation.of(
          "invalid " + message + ": " + payload.readableBytes() + " bytes too many");
    }
  }

  /** A zero-terminated string as it is, without the zero. */
  byte[] readTerminated() throws ProtocolViolation {
    int length = payload.bytesBefore((byte) 0);
    if (length < 0) {
      throw ProtocolViolation.of("invalid " + message + ": a string is not terminated");
    }
    byte[] bytes = readBytes(length);
    payload.skipBytes(1);
    return bytes;
  }

  private void require(int count) throws ProtocolViolation {
    if (count < 0 || payload.readableBytes() < count) {
      throw ProtocolViolation.of("invalid " + message + ": it is too short");
    }
  }
}
