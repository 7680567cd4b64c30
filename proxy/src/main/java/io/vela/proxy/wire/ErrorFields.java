package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The fields of an ErrorResponse or NoticeResponse that a server sent.
 *
 * @param byType the fields by their type byte (section 54.8), in the order in which they came
 */
public record ErrorFields(Map<Character, String> byType) {
  /** Keeps an unmodifiable copy. */
  public ErrorFields {
    byType = Collections.unmodifiableMap(new LinkedHashMap<>(byType));
  }

  /**
   * Reads the payload of an ErrorResponse or NoticeResponse.
   *
   * @throws ProtocolViolation when it is not one
   */
  public static ErrorFields parse(ByteBuf payload) throws ProtocolViolation {
    var reader = new PayloadReader("ErrorResponse", payload);
    var fields = new LinkedHashMap<Character, String>();
    for (byte type = reader.readByte(); type != 0; type = reader.readByte()) {
      fields.put((char) (type & 0xff), reader.readLenientString());
    }
    reader.expectEnd();
    return new ErrorFields(fields);
  }

  /** The severity in English whatever the server's language: ERROR, FATAL, PANIC, WARNING, ... */
  public String severity() {
    return byType.getOrDefault('V', field('S'));
  }

  /** The SQLSTATE, five characters; empty when the server sent none. */
  public String code() {
    return field('C');
  }

  /** The message. */
  public String message() {
    return field('M');
  }

  /** The detail; empty when there is none. */
  public String detail() {
    return field('D');
  }

  /** The hint; empty when there is none. */
  public String hint() {
    return field('H');
  }

  /** Whether the server closes the connection after this. */
  public boolean endsConnection() {
    return severity().equals("FATAL") || severity().equals("PANIC");
  }

  private String field(char type) {
    return byType.getOrDefault(type, "");
  }
}
