package io.vela.cli;

import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Times for people. */
public final class Times {
  private static final DateTimeFormatter FORM =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss", Locale.ROOT);

  private Times() {}

  /** An ISO instant in the person's own time zone. */
  public static String local(String instant) {
    return FORM.format(Instant.parse(instant).atZone(ZoneId.systemDefault()));
  }
}
