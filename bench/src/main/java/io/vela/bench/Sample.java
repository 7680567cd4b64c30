package io.vela.bench;

import java.util.Arrays;

/**
 * Repeated measurements of one thing.
 *
 * @param values in the order in which they were taken, at least one
 */
record Sample(double[] values) {
  double min() {
    return Arrays.stream(values).min().orElseThrow();
  }

  double median() {
    return percentile(0.5);
  }

  double max() {
    return Arrays.stream(values).max().orElseThrow();
  }

  /** The smallest value that is not below the share {@code p} of all values (nearest rank). */
  double percentile(double p) {
    var sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[Math.clamp((long) Math.ceil(p * sorted.length) - 1, 0, sorted.length - 1)];
  }
}
