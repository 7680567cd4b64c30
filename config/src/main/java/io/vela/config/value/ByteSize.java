package io.vela.config.value;

import java.util.Locale;
import java.util.regex.Pattern;

/**
 * A size in bytes, written as Postgres writes one: {@code 16MB}, units of 1024.
 *
 * @param bytes not negative
 */
public record ByteSize(long bytes) {
  private static final Pattern FORM = Pattern.compile("(\\d{1,15})\\s*(B|kB|MB|GB|TB)?");

  /**
   * @throws IllegalArgumentException when negative
   */
  public ByteSize {
    if (bytes < 0) {
      throw new IllegalArgumentException("a size cannot be negative: " + bytes);
    }
  }

  /**
   * Parses a number with one of the units B, kB, MB, GB, TB; without a unit, bytes.
   *
   * @throws IllegalArgumentException for anything else, or more than {@link Long#MAX_VALUE} bytes
   */
  public static ByteSize parse(String text) {
    var match = FORM.matcher(text.strip());
    if (!match.matches()) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is not a size: a number and B, kB, MB, GB or TB");
    }
    var unit = match.group(2) == null ? "B" : match.group(2);
    long factor =
        switch (unit) {
          case "kB" -> 1L << 10;
          case "MB" -> 1L << 20;
          case "GB" -> 1L << 30;
          case "TB" -> 1L << 40;
          default -> 1L;
        };
    try {
      return new ByteSize(Math.multiplyExact(Long.parseLong(match.group(1)), factor));
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException("\"" + text + "\" is too large", e);
    }
  }

  /** The size as {@link #parse} reads it back, to the byte: {@code 1536MB}. */
  public String exact() {
    var units = new String[] {"B", "kB", "MB", "GB", "TB"};
    long value = bytes;
    int unit = 0;
    while (value > 0 && value % 1024 == 0 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return value + units[unit];
  }

  /** The size for people, in the largest unit that leaves at least one: {@code 1.5GB}. */
  @Override
  public String toString() {
    var units = new String[] {"B", "kB", "MB", "GB", "TB"};
    double value = bytes;
    int unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return value == Math.rint(value)
        ? (long) value + units[unit]
        : String.format(Locale.ROOT, "%.1f%s", value, units[unit]);
  }
}
