package io.vela.proxy.guess;

import java.time.Duration;

/**
 * How many guesses of one origin are verified in a time. In the long run they are {@code places} in
 * the time {@code longest}.
 *
 * @param free how many wrong guesses cost nothing
 * @param first how long the next wrong one keeps its place
 * @param longest what that doubles up to with each further wrong one
 * @param places how many guesses are verified, or keep their place, at the same time
 * @param queue how many may wait for a place
 */
public record GuessLimit(int free, Duration first, Duration longest, int places, int queue) {
  private static final int MOST_DOUBLINGS = 20;

  /** How long the latest of so many wrong guesses keeps its place. */
  Duration penalty(int wrong) {
    int beyond = wrong - free - 1;
    if (beyond < 0) {
      return Duration.ZERO;
    }
    var doubled = first.multipliedBy(1L << Math.min(beyond, MOST_DOUBLINGS));
    return doubled.compareTo(longest) < 0 ? doubled : longest;
  }
}
