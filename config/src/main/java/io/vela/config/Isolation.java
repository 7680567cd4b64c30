package io.vela.config;

import java.util.Locale;

/** How far branches' processes are to be locked in. */
public enum Isolation {
  /** As far as this host lets Vela. */
  AUTO,

  /** In namespaces of their own, or Vela does not start. */
  REQUIRED,

  /** Not at all: their processes see what their user sees on this host. */
  OFF;

  /**
   * Parses {@code auto}, {@code required} or {@code off}.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static Isolation parse(String text) {
    for (var isolation : values()) {
      if (isolation.toString().equals(text)) {
        return isolation;
      }
    }
    throw new IllegalArgumentException("expected auto, required or off");
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
