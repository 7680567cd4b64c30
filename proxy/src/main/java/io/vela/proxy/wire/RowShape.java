package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * What must not change of a prepared statement's result: the names, types and type modifiers of its
 * columns, as a digest of 16 bytes. Where a column comes from does not count: a table may be
 * dropped and made again.
 */
public final class RowShape {
  /** Of a statement that returns no rows. */
  public static final RowShape NO_ROWS = new RowShape(0, 0);

  private final long high;
  private final long low;

  private RowShape(long high, long low) {
    this.high = high;
    this.low = low;
  }

  /**
   * Reads the payload of a message of type {@link BackendType#ROW_DESCRIPTION}.
   *
   * @throws ProtocolViolation when it is not one
   */
  public static RowShape parse(ByteBuf payload) throws ProtocolViolation {
    var reader = new PayloadReader("RowDescription", payload);
    var digest = sha256();
    int count = reader.readShort();
    for (int i = 0; i < count; i++) {
      digest.update(reader.readTerminated());
      digest.update((byte) 0);
      // table, column
      reader.readBytes(Integer.BYTES + Short.BYTES);
      digest.update(reader.readBytes(Integer.BYTES));
      // length
      reader.readBytes(Short.BYTES);
      digest.update(reader.readBytes(Integer.BYTES));
      // format
      reader.readBytes(Short.BYTES);
    }
    reader.expectEnd();
    var bytes = ByteBuffer.wrap(digest.digest());
    return new RowShape(bytes.getLong(), bytes.getLong());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof RowShape shape && shape.high == high && shape.low == low;
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(new long[] {high, low});
  }

  @Override
  public String toString() {
    var hex = HexFormat.of();
    return "RowShape[" + hex.toHexDigits(high) + hex.toHexDigits(low) + "]";
  }
}
