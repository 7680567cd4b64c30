package io.vela.router;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vela.agent.CloneFailure;
import io.vela.agent.StopMode;
import io.vela.config.value.BranchName;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The names and labels are what dashboards and alerts are made of: they do not change. */
@Timeout(60)
class RouterMetricsTest {
  private static final BranchName PR = new BranchName("pr-1");
  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private RouterFixture vela;

  @BeforeEach
  void open() throws Exception {
    vela = new RouterFixture(registry);
  }

  @AfterEach
  void close() {
    vela.close();
  }

  private List<String> lines() {
    return registry.scrape().lines().filter(line -> !line.startsWith("#")).toList();
  }

  @Test
  void theNamesAreThoseOfTheDocumentation() throws Exception {
    vela.lease("pr-1").close();
    vela.router.suspend(PR, false);
    vela.time.pass(Duration.ofSeconds(16));
    await().until(() -> lines().contains("vela_branch_exclusive_bytes{branch=\"pr-1\"} 7.0"));

    var names =
        lines().stream()
            .map(line -> line.replaceFirst("[{ ].*", ""))
            .map(name -> name.replaceFirst("_(bucket|count|sum|max)$", ""))
            .distinct();
    assertThat(names)
        .containsExactlyInAnyOrder(
            "vela_branches",
            "vela_branch_wake_seconds",
            "vela_branch_suspends_total",
            "vela_branch_parks_total",
            "vela_branch_writes_stopped_total",
            "vela_pool_bytes",
            "vela_pool_writable",
            "vela_pool_quarantined",
            "vela_branch_exclusive_bytes",
            "vela_snapshot_age_seconds",
            "vela_warm_clones",
            "vela_instances",
            "vela_instances_waiting",
            "vela_instances_limit",
            "vela_catalog_up");
  }

  @Test
  void theLabelsAreToo() throws Exception {
    vela.lease("pr-1").close();
    vela.lease("pr-2").close();
    vela.router.suspend(PR, false);
    vela.lease("pr-1");
    vela.time.pass(Duration.ofSeconds(16));

    await()
        .untilAsserted(
            () ->
                assertThat(lines())
                    .contains(
                        "vela_branches{state=\"running\"} 2.0",
                        "vela_branches{state=\"suspended\"} 0.0",
                        "vela_branch_wake_seconds_count{kind=\"create\"} 2",
                        "vela_branch_wake_seconds_count{kind=\"wake\"} 1",
                        "vela_branch_wake_seconds_count{kind=\"warm\"} 0",
                        "vela_warm_clones{state=\"ready\"} 0.0",
                        "vela_warm_clones{state=\"making\"} 0.0",
                        "vela_warm_clones{state=\"going\"} 0.0",
                        "vela_instances 2.0",
                        "vela_instances_waiting 0.0",
                        "vela_instances_limit +Inf",
                        "vela_branch_suspends_total{outcome=\"ok\",reason=\"requested\"} 1.0",
                        "vela_pool_bytes{kind=\"total\"} 1000.0",
                        "vela_pool_bytes{kind=\"free\"} 400.0",
                        "vela_snapshot_age_seconds{baseline=\"main\"} "
                            + (double) vela.time.clock().instant().getEpochSecond(),
                        "vela_catalog_up 1.0"));
    assertThat(lines()).anyMatch(line -> line.startsWith("vela_branch_wake_seconds_bucket{"));
  }

  @Test
  void aStopIsCountedOnceByHowItWent() throws Exception {
    vela.lease("idle").close();
    vela.time.pass(Duration.ofSeconds(61));
    await().until(() -> vela.state("idle").equals("suspended"));
    vela.lease("crash");
    vela.agent.crash(vela.agent.running.keySet().iterator().next());
    await().until(() -> vela.state("crash").equals("suspended"));
    vela.lease("gone").close();
    vela.router.delete(new BranchName("gone"), false);
    cannotBeStopped("stuck", new CloneFailure.StorageFailed("no answer", ""));
    cannotBeStopped(
        "late", new CloneFailure.StopTimedOut(StopMode.FAST, Duration.ofSeconds(60), ""));
    await().until(() -> vela.state("late").equals("suspended"));

    assertThat(suspends())
        .containsExactlyInAnyOrder(
            "vela_branch_suspends_total{outcome=\"ok\",reason=\"idle\"} 1.0",
            "vela_branch_suspends_total{outcome=\"failed\",reason=\"exit\"} 1.0",
            "vela_branch_suspends_total{outcome=\"ok\",reason=\"delete\"} 1.0",
            "vela_branch_suspends_total{outcome=\"timeout\",reason=\"requested\"} 1.0",
            "vela_branch_suspends_total{outcome=\"failed\",reason=\"requested\"} 1.0");
  }

  private void cannotBeStopped(String branch, CloneFailure failure) throws Exception {
    vela.lease(branch).close();
    vela.agent.fail("stop", failure);
    assertThatThrownBy(() -> vela.router.suspend(new BranchName(branch), false))
        .isInstanceOf(RouteException.class);
    vela.agent.heal("stop");
  }

  private List<String> suspends() {
    return lines().stream().filter(line -> line.startsWith("vela_branch_suspends_total")).toList();
  }
}
