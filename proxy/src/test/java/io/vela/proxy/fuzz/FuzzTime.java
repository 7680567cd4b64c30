package io.vela.proxy.fuzz;

import java.time.Duration;

/** How long to go on: {@code -Dvela.fuzz.seconds=600} for the long run. */
final class FuzzTime {
  private static final int SECONDS = Integer.getInteger("vela.fuzz.seconds", 10);

  private FuzzTime() {}

  static Duration slice() {
    return Duration.ofSeconds(SECONDS);
  }
}
