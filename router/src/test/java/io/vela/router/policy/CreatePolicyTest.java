package io.vela.router.policy;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.config.BranchPolicy;
import io.vela.config.Durability;
import io.vela.config.VelaConfig;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CreatePolicyTest {
  private static final BaselineName MAIN = VelaConfig.MAIN;
  private static final BaselineName STAGING = new BaselineName("staging");
  private static final BaselineName DEMO = new BaselineName("demo");
  private final Map<BaselineName, BranchPolicy> baselines = new LinkedHashMap<>();

  private CreatePolicyTest configured(BaselineName baseline, String... patterns) {
    baselines.put(
        baseline,
        new BranchPolicy(List.of(patterns), Duration.ofSeconds(60), Durability.RELAXED, false));
    return this;
  }

  private Optional<BaselineName> baselineFor(String branch, BaselineName... withSnapshot) {
    var defaults = VelaConfig.defaults(Path.of("/none"));
    var config =
        new VelaConfig(
            defaults.listen(),
            defaults.http(),
            defaults.data(),
            defaults.pool(),
            defaults.postgres(),
            defaults.catalogUrl(),
            baselines,
            defaults.limits(),
            defaults.network());
    return new CreatePolicy(() -> config, Set.of(withSnapshot)::contains)
        .baselineFor(new BranchName(branch));
  }

  @Test
  void theFirstThatMatchesInConfiguredOrderIsTaken() {
    configured(STAGING, "pr-*").configured(DEMO, "pr-1", "demo-*");
    assertThat(baselineFor("pr-1", MAIN, STAGING, DEMO)).contains(STAGING);
    assertThat(baselineFor("demo-1", MAIN, STAGING, DEMO)).contains(DEMO);
  }

  @Test
  void mainComesLastUnlessItIsConfigured() {
    configured(STAGING, "pr-*");
    assertThat(baselineFor("pr-1", MAIN, STAGING)).contains(STAGING);
    assertThat(baselineFor("other", MAIN, STAGING)).contains(MAIN);
  }

  @Test
  void mainKeepsThePlaceThatItIsConfiguredIn() {
    configured(MAIN, "pr-*").configured(STAGING, "*");
    assertThat(baselineFor("pr-1", MAIN, STAGING)).contains(MAIN);
    assertThat(baselineFor("other", MAIN, STAGING)).contains(STAGING);
  }

  @Test
  void aBaselineWithoutASnapshotIsPassedOver() {
    configured(STAGING, "pr-*").configured(DEMO, "*");
    assertThat(baselineFor("pr-1", MAIN, DEMO)).contains(DEMO);
    assertThat(baselineFor("pr-1", MAIN)).contains(MAIN);
    assertThat(baselineFor("pr-1")).isEmpty();
  }

  @Test
  void aNameThatNothingMatchesIsNotCreated() {
    configured(MAIN, "pr-*").configured(STAGING);
    assertThat(baselineFor("other", MAIN, STAGING)).isEmpty();
  }
}
