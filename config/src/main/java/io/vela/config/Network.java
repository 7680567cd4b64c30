package io.vela.config;

import java.util.Locale;

/** What network a branch's processes are in. */
public enum Network {
  /** One of their own, with a loopback interface and no way out. */
  NONE,

  /** The host's: they reach what the host reaches, its loopback addresses among it. */
  HOST;

  /**
   * Parses {@code none} or {@code host}.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static Network parse(String text) {
    for (var network : values()) {
      if (network.toString().equals(text)) {
        return network;
      }
    }
    throw new IllegalArgumentException("expected none or host");
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
