package io.vela.config;

import java.time.Duration;
import java.util.Optional;

/**
 * What holds for a token that says nothing else about itself.
 *
 * @param lifetime for how long it is good; empty for ever
 */
public record TokenPolicy(Optional<Duration> lifetime) {
  private static final Duration LONGEST = Duration.ofDays(36_500);

  /** The word for a token that is good for ever. */
  public static final String NEVER = "never";

  /** A month: longer than most branches live, and an end for what nobody remembers. */
  public static final TokenPolicy DEFAULT = new TokenPolicy(Optional.of(Duration.ofDays(30)));

  /**
   * @throws IllegalArgumentException for a lifetime that {@link #validLifetime} refuses
   */
  public TokenPolicy {
    lifetime.ifPresent(TokenPolicy::validLifetime);
  }

  /**
   * The lifetime, when it is one.
   *
   * @throws IllegalArgumentException when it is not positive or longer than a hundred years
   */
  public static Duration validLifetime(Duration lifetime) {
    if (!lifetime.isPositive() || lifetime.compareTo(LONGEST) > 0) {
      throw new IllegalArgumentException(
          "expected more than 0 and at most " + LONGEST.toDays() + "d, or " + NEVER);
    }
    return lifetime;
  }
}
