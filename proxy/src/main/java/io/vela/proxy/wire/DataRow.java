package io.vela.proxy.wire;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One row of a result.
 *
 * @param columns each value's bytes as a string of ISO 8859-1, whatever their encoding; empty for
 *     null
 */
public record DataRow(List<Optional<String>> columns) {
  /** Keeps an unmodifiable copy. */
  public DataRow {
    columns = List.copyOf(columns);
  }

  /**
   * Reads the payload of a message of type {@link BackendType#DATA_ROW}.
   *
   * @throws ProtocolViolation when it is not one
   */
  public static DataRow parse(ByteBuf payload) throws ProtocolViolation {
    var reader = new PayloadReader("DataRow", payload);
    int count = reader.readShort();
    var columns = new ArrayList<Optional<String>>(count);
    for (int i = 0; i < count; i++) {
      int length = reader.readInt();
      columns.add(
          length < 0
              ? Optional.empty()
              : Optional.of(new String(reader.readBytes(length), ISO_8859_1)));
    }
    reader.expectEnd();
    return new DataRow(columns);
  }

  /** A column that is never null. */
  public String text(int column) {
    return columns.get(column).orElseThrow();
  }
}
