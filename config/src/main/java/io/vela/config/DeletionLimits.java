package io.vela.config;

import java.time.Duration;

/**
 * How long Postgres may take to stop where its branch is to be deleted. After each time comes the
 * next way; what is deleted has nothing left to lose.
 *
 * @param fast after a fast shutdown, which ends sessions and writes a checkpoint
 * @param immediate after an immediate shutdown; Postgres itself kills what has not ended 5 s after
 *     it
 * @param kill after all of its processes were killed: only one that waits for a disk outlives that
 */
public record DeletionLimits(Duration fast, Duration immediate, Duration kill) {
  /** 10 s for each. */
  public static final DeletionLimits DEFAULT =
      new DeletionLimits(Duration.ofSeconds(10), Duration.ofSeconds(10), Duration.ofSeconds(10));

  /**
   * @throws IllegalArgumentException when one of them is not positive
   */
  public DeletionLimits {
    if (!fast.isPositive() || !immediate.isPositive() || !kill.isPositive()) {
      throw new IllegalArgumentException("limits must be positive");
    }
  }
}
