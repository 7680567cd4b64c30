package io.vela.router.idle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.agent.Activity;
import io.vela.config.value.BranchName;
import io.vela.router.RouterFixture;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class IdleSuspenderTest {
  private static final BranchName PR = new BranchName("pr-1");
  private RouterFixture vela;

  @BeforeEach
  void open() throws Exception {
    vela = new RouterFixture();
  }

  @AfterEach
  void close() {
    vela.close();
  }

  @Test
  void aBranchSleepsWhenNobodyHasUsedItForItsTime() throws Exception {
    vela.lease("pr-1").close();
    vela.time.pass(Duration.ofSeconds(59));
    assertThat(vela.state("pr-1")).isEqualTo("running");
    assertThat(vela.router.why(PR).sleepsAt()).contains(vela.time.clock().instant().plusSeconds(1));

    vela.time.pass(Duration.ofSeconds(2));

    await().until(() -> vela.state("pr-1").equals("suspended"));
    assertThat(vela.agent.count("refreshContents")).isEqualTo(1);
  }

  @Test
  void aLeaseHoldsItAwake() throws Exception {
    vela.lease("pr-1").close();
    vela.time.pass(Duration.ofSeconds(30));
    var lease = vela.lease("pr-1");
    vela.time.pass(Duration.ofHours(1));
    assertThat(vela.agent.count("activity")).isZero();
    assertThat(vela.router.why(PR).reasons())
        .singleElement()
        .asString()
        .startsWith("session psql: active since ");

    lease.close();
    vela.time.pass(Duration.ofSeconds(61));
    await().until(() -> vela.state("pr-1").equals("suspended"));
  }

  @Test
  void whatPostgresDoesByItselfIsUse() throws Exception {
    vela.agent.uses = List.of(new Activity.Use("walsender", 42, "streaming to laptop"));
    vela.lease("pr-1").close();
    vela.time.pass(Duration.ofSeconds(61));
    await().until(() -> vela.agent.count("activity") == 1);
    assertThat(vela.router.why(PR).reasons())
        .containsExactly("walsender (pid 42): streaming to laptop");
    await()
        .until(
            () ->
                vela.router
                    .why(PR)
                    .sleepsAt()
                    .filter(at -> at.isAfter(vela.time.clock().instant()))
                    .isPresent());
    assertThat(vela.state("pr-1")).isEqualTo("running");

    vela.agent.uses = List.of();
    vela.time.pass(Duration.ofSeconds(16));
    await().until(() -> vela.state("pr-1").equals("suspended"));
  }

  @Test
  void whoComesBetweenTheLookAndTheStopKeepsItAwake() throws Exception {
    vela.lease("pr-1").close();
    var hold = vela.agent.hold("activity");
    vela.time.pass(Duration.ofSeconds(61));
    await().until(() -> vela.agent.count("activity") == 1);
    var lease = vela.lease("pr-1");
    hold.countDown();

    assertThat(vela.state("pr-1")).isEqualTo("running");
    lease.close();
    // The look that was held may end only now, and counts from then.
    await()
        .until(
            () -> {
              vela.time.pass(Duration.ofSeconds(61));
              return vela.state("pr-1").equals("suspended");
            });
    assertThat(vela.agent.count("stop")).isEqualTo(1);
  }
}
