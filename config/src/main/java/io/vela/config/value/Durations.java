package io.vela.config.value;

import java.time.Duration;
import java.util.regex.Pattern;

/**
 * Durations written as Postgres writes them: a number and one of the units ms, s, min, h, d (see
 * "Parameter Names and Values" in its documentation). Unlike there the unit is required, because
 * Vela has no unit per setting that a bare number could mean.
 */
public final class Durations {
  private static final Pattern FORM = Pattern.compile("(\\d{1,15})\\s*(ms|s|min|h|d)");

  /** What a duration must look like, for messages. */
  public static final String RULE = "a number and ms, s, min, h or d, as 60s or 5min";

  private static final Duration LONGEST = Duration.ofDays(100_000);

  private Durations() {}

  /**
   * Parses {@code 500ms}, {@code 60s}, {@code 5min}, {@code 1h}, {@code 2d}.
   *
   * @throws IllegalArgumentException for anything else, and for more than 100,000 days, which fit
   *     into a clock's nanoseconds
   */
  public static Duration parse(String text) {
    var match = FORM.matcher(text.strip());
    if (!match.matches()) {
      throw new IllegalArgumentException("\"" + text + "\" is not a duration: " + RULE);
    }
    long factor =
        switch (match.group(2)) {
          case "ms" -> 1L;
          case "s" -> 1_000L;
          case "min" -> 60_000L;
          case "h" -> 3_600_000L;
          default -> 86_400_000L;
        };
    try {
      var parsed = Duration.ofMillis(Math.multiplyExact(Long.parseLong(match.group(1)), factor));
      if (parsed.compareTo(LONGEST) <= 0) {
        return parsed;
      }
    } catch (ArithmeticException e) {
      // Longer than the longest, too.
    }
    throw new IllegalArgumentException(
        "\"" + text + "\" is too long: at most " + format(LONGEST) + " are allowed");
  }

  /** The duration in the largest unit that it is a whole number of; below 1 ms nothing is kept. */
  public static String format(Duration duration) {
    long millis = duration.toMillis();
    if (millis == 0) {
      return "0s";
    }
    if (millis % 86_400_000L == 0) {
      return millis / 86_400_000L + "d";
    }
    if (millis % 3_600_000L == 0) {
      return millis / 3_600_000L + "h";
    }
    if (millis % 60_000L == 0) {
      return millis / 60_000L + "min";
    }
    return millis % 1_000L == 0 ? millis / 1_000L + "s" : millis + "ms";
  }
}
