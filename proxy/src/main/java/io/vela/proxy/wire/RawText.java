package io.vela.proxy.wire;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;

/**
 * Strings of startup packets, which Postgres takes as bytes, whatever their encoding: it compares
 * names of roles and databases byte for byte, and most are UTF-8. What is not is kept so that it
 * comes out as it went in: each byte that is no UTF-8 becomes the unpaired surrogate U+DC00 + byte,
 * which no UTF-8 has (as Python's {@code surrogateescape}, PEP 383).
 */
final class RawText {
  private static final char BASE = '\udc00';
  private static final char FIRST = BASE + 0x80;
  private static final char LAST = BASE + 0xff;
  private static final int MOST_BYTES_OF_A_CHARACTER = 4;

  private RawText() {}

  static String decode(byte[] bytes) {
    try {
      return strictly(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      return escaping(bytes);
    }
  }

  private static CharBuffer strictly(ByteBuffer bytes) throws CharacterCodingException {
    return UTF_8.newDecoder().decode(bytes);
  }

  private static String escaping(byte[] bytes) {
    var text = new StringBuilder(bytes.length);
    int at = 0;
    while (at < bytes.length) {
      int length = character(bytes, at, text);
      if (length == 0) {
        text.append((char) (BASE + (bytes[at] & 0xff)));
        length = 1;
      }
      at += length;
    }
    return text.toString();
  }

  /** Appends the character that begins there; its length in bytes, 0 where none does. */
  private static int character(byte[] bytes, int at, StringBuilder text) {
    for (int length = 1;
        length <= MOST_BYTES_OF_A_CHARACTER && at + length <= bytes.length;
        length++) {
      try {
        text.append(strictly(ByteBuffer.wrap(bytes, at, length)));
        return length;
      } catch (CharacterCodingException e) {
        // A longer one may begin there.
      }
    }
    return 0;
  }

  /** Whether there is something in it that was no UTF-8. */
  static boolean isRaw(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (isEscape(text, i)) {
        return true;
      }
    }
    return false;
  }

  private static boolean isEscape(String text, int i) {
    char c = text.charAt(i);
    return c >= FIRST && c <= LAST && (i == 0 || !Character.isHighSurrogate(text.charAt(i - 1)));
  }

  static byte[] encode(String text) {
    if (!isRaw(text)) {
      return text.getBytes(UTF_8);
    }
    var bytes = new ByteArrayOutputStream(text.length());
    int from = 0;
    for (int i = 0; i < text.length(); i++) {
      if (isEscape(text, i)) {
        bytes.writeBytes(text.substring(from, i).getBytes(UTF_8));
        bytes.write(text.charAt(i) - BASE);
        from = i + 1;
      }
    }
    bytes.writeBytes(text.substring(from).getBytes(UTF_8));
    return bytes.toByteArray();
  }
}
