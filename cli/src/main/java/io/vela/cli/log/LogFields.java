package io.vela.cli.log;

import io.vela.config.value.UntrustedText;
import org.jspecify.annotations.Nullable;

/**
 * Puts values into a log message so that none can look like another field, another line, or an
 * order to a terminal. Messages are written as {@code what happened key={} text="{}"}: the text
 * around the braces is Vela's own, what comes for them may be anybody's.
 */
final class LogFields {
  /** The end of an instance's log fits; what is longer is nobody's to fill the disk with. */
  private static final int LONGEST_VALUE = 8 * 1024;

  private static final int LONGEST_MESSAGE = 32 * 1024;

  /** Shorter than any secret with its name. */
  private static final int SHORTEST_SECRET = 12;

  private static final String PLACE = "{}";

  private LogFields() {}

  /** The message with its values, on one line. */
  static String format(String message, @Nullable Object[] values) {
    var line = new StringBuilder(message.length() + 64);
    int from = 0;
    int next = 0;
    for (int at = message.indexOf(PLACE); at >= 0 && next < values.length; ) {
      line.append(new UntrustedText(message.substring(from, at)).line());
      boolean quoted = at > 0 && message.charAt(at - 1) == '"';
      var value = text(values[next++]);
      line.append(quoted ? inQuotes(value) : bare(value));
      from = at + PLACE.length();
      at = message.indexOf(PLACE, from);
    }
    line.append(new UntrustedText(message.substring(from)).line());
    return new UntrustedText(line.toString()).line(LONGEST_MESSAGE);
  }

  /** The whole message of a library, which has put values into it by itself. */
  static String foreign(String message) {
    return "message=\"" + inQuotes(message) + '"';
  }

  /** A value that stands without quotes where it needs none. */
  static String bare(String value) {
    return needsQuotes(value) ? '"' + inQuotes(value) + '"' : value;
  }

  private static boolean needsQuotes(String value) {
    return value.isEmpty()
        || value.length() > LONGEST_VALUE
        || value.chars().anyMatch(c -> c <= ' ' || c == '"' || c == '=' || c == '\\')
        || !new UntrustedText(value).isPlain();
  }

  private static String inQuotes(String value) {
    var bounded =
        value.length() > 2 * LONGEST_VALUE ? value.substring(0, 2 * LONGEST_VALUE) : value;
    var told =
        bounded.length() < SHORTEST_SECRET
            ? bounded
            : new UntrustedText(bounded).withoutSecrets().raw();
    return new UntrustedText(told.replace("\\", "\\\\").replace("\"", "\\\"")).line(LONGEST_VALUE);
  }

  private static String text(@Nullable Object value) {
    if (value == null) {
      return "null";
    }
    try {
      return String.valueOf(value);
    } catch (RuntimeException e) {
      return "unprintable " + value.getClass().getName();
    }
  }
}
