package io.vela.cli.up;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.vela.admin.HealthPart;
import io.vela.agent.isolation.IsolationLevel;
import io.vela.agent.isolation.ReachedIsolation;

/**
 * How far the processes of branches are locked in. That is settled at the start, and never down.
 */
record IsolationHealth(ReachedIsolation isolation) implements HealthPart {
  /** One gauge a level, as a state set of OpenMetrics: 1 for the level that was reached. */
  IsolationHealth measured(MeterRegistry registry) {
    for (var level : IsolationLevel.values()) {
      double value = level == isolation.level() ? 1 : 0;
      Gauge.builder("vela.isolation", () -> value)
          .description("How far the processes of branches are locked in: 1 for the level reached")
          .tag("level", level.toString())
          .register(registry);
    }
    return this;
  }

  /** For a person. */
  String told() {
    var text = isolation.level() + " (" + isolation.level().explanation();
    return isolation.shortfall().isEmpty()
        ? text + ")"
        : text + "; no more than that because " + isolation.shortfall() + ")";
  }

  @Override
  public State look() {
    return State.up(isolation.level().toString()).diagnosed(told());
  }
}
