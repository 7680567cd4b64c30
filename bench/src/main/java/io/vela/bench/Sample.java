package io.vela.bench;

import java.util.List;

/**
 * Repeated measurements of one thing.
 *
 * @param values in the order in which they were taken, at least one
 */
record Sample(List<Double> values) {
  Sample {
    values = List.copyOf(values);
    if (values.isEmpty()) {
      throw new IllegalArgumentException("no measurement");
    }
  }

  double min() {
    return percentile(0);
  }

  double median() {
    return percentile(0.5);
  }

  double max() {
    return percentile(1);
  }

  /** The smallest value that is not below the share {@code p} of all values (nearest rank). */
  double percentile(double p) {
    var sorted = values.stream().sorted().toList();
    return sorted.get(Math.clamp((long) Math.ceil(p * sorted.size()) - 1, 0, sorted.size() - 1));
  }
}
