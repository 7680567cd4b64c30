package io.vela.proxy.wire;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;

/** Writes messages byte for byte, without the code under test. */
public final class Bytes {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /**
   * Messages of types alone, each with a body of some bytes that fits none of them in particular.
   */
  static byte[] messages(String types) {
    var bytes = new Bytes();
    types.chars().filter(type -> type != ' ').forEach(type -> bytes.message((char) type, "body"));
    return bytes.toArray();
  }

  /** A message; the body's characters are its bytes. */
  public Bytes message(char type, String body) {
    out.write(type);
    return untyped(body);
  }

  /** A packet without type. */
  Bytes untyped(String body) {
    var bytes = body.getBytes(ISO_8859_1);
    out.writeBytes(ByteBuffer.allocate(4).putInt(bytes.length + 4).array());
    out.writeBytes(bytes);
    return this;
  }

  Bytes raw(int... bytes) {
    for (int value : bytes) {
      out.write(value);
    }
    return this;
  }

  /** All of it. */
  public byte[] toArray() {
    return out.toByteArray();
  }
}
