package io.vela.router.policy;

import io.vela.config.VelaConfig;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** What a connection may create, from which baseline, and whether it may replicate. */
public final class CreatePolicy {
  private final Supplier<VelaConfig> config;
  private final Predicate<BaselineName> hasSnapshot;

  /**
   * @param config what is in force
   * @param hasSnapshot whether there is something to create from
   */
  public CreatePolicy(Supplier<VelaConfig> config, Predicate<BaselineName> hasSnapshot) {
    this.config = config;
    this.hasSnapshot = hasSnapshot;
  }

  /** Whether branches of a baseline let replication connections in. */
  public boolean mayReplicate(BaselineName baseline) {
    return config.get().policy(baseline).replication();
  }

  /** The first baseline, in configured order, whose patterns match and that has a snapshot. */
  public Optional<BaselineName> baselineFor(BranchName name) {
    return config.get().baselines().entrySet().stream()
        .filter(baseline -> baseline.getValue().mayCreate(name))
        .map(Map.Entry::getKey)
        .filter(hasSnapshot)
        .findFirst();
  }
}
