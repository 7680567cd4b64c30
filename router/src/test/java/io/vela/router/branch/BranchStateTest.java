package io.vela.router.branch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.vela.agent.Endpoint;
import io.vela.config.value.BaselineName;
import io.vela.router.RouteFailure;
import io.vela.router.branch.BranchState.Failed;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class BranchStateTest {
  private static final Instant T0 = Instant.parse("2026-11-22T00:00:00Z");
  private static final Instant T1 = T0.plusSeconds(1);
  private static final BaselineName MAIN = new BaselineName("main");
  private static final RouteFailure CAUSE = new RouteFailure.ShuttingDown();

  @Test
  void aLifeFromAbsentToTrashed() {
    var creating = new BranchState.Absent(T0).create(MAIN, T1);
    assertThat(creating).isEqualTo(new BranchState.Creating(MAIN, 0, T1));
    var suspended = creating.created(T1);
    var running = suspended.start(T1).started(new Endpoint.UnixSocket("/s"), T1);
    assertThat(running.label()).isEqualTo("running");
    assertThat(running.exited(T1)).isEqualTo(suspended);
    var parking = running.park(T1);
    assertThat(parking.label()).isEqualTo("parking");
    assertThat(parking.abandon()).isSameAs(running);
    assertThat(parking.exited(T1)).isEqualTo(suspended);
    assertThat(parking.suspend(T1)).isEqualTo(running.suspend(T1));
    var suspending = running.suspend(T1);
    assertThat(suspending.late("slow").trouble()).isEqualTo("slow");
    assertThat(suspending.stopped(T1)).isEqualTo(suspended);
    assertThat(suspended.delete(T1).trashed(T1)).isEqualTo(new BranchState.Trashed(T1));
  }

  @Test
  void anInstanceRunsInTwoStatesOnly() {
    var running = new BranchState.Running(new Endpoint.UnixSocket("/s"), T0);
    assertThat(running.isAwake()).isTrue();
    assertThat(running.park(T0).isAwake()).isTrue();
    assertThat(running.suspend(T0).isAwake()).isFalse();
    assertThat(new BranchState.Suspended(T0).isAwake()).isFalse();
    assertThat(new BranchState.Suspended(T0).start(T0).isAwake()).isFalse();
  }

  @Test
  void pausesDoubleUpToHalfAMinute() {
    var starting = new BranchState.Suspended(T0).start(T0);
    var pauses = new java.util.ArrayList<Duration>();
    for (int i = 0; i < 7; i++) {
      var failed = starting.failed(CAUSE, T0);
      pauses.add(Duration.between(T0, failed.retryAt()));
      starting = failed.start(T0);
    }
    assertThat(pauses)
        .extracting(Duration::toSeconds)
        .containsExactly(1L, 2L, 4L, 8L, 16L, 30L, 30L);
  }

  @Test
  void whatFailedToBeCreatedCanBeCreatedOrForgottenOnly() {
    var failed = new BranchState.Absent(T0).create(MAIN, T0).failed(CAUSE, T0);
    assertThat(failed.create(MAIN, T1).failures()).isEqualTo(1);
    assertThat(failed.forget(T1)).isEqualTo(new BranchState.Absent(T1));
    assertThatIllegalStateException().isThrownBy(() -> failed.start(T1));
    assertThatIllegalStateException().isThrownBy(() -> failed.delete(T1));
  }

  @Test
  void whatFailedToStartCanBeStartedOrDeletedOnly() {
    var failed = new BranchState.Suspended(T0).start(T0).failed(CAUSE, T0);
    assertThat(failed.delete(T1)).isEqualTo(new BranchState.Deleting(T1));
    assertThatIllegalStateException().isThrownBy(() -> failed.create(MAIN, T1));
    assertThatIllegalStateException().isThrownBy(() -> failed.forget(T1));
  }

  @Test
  void whatIsMissingOrHalfDeletedCanBeDeletedOnly() {
    for (var failed :
        java.util.List.of(
            Failed.missing(CAUSE, T0), new BranchState.Deleting(T0).failed(CAUSE, T0))) {
      assertThat(failed.retryAt()).isEqualTo(Instant.MAX);
      assertThat(failed.delete(T1)).isEqualTo(new BranchState.Deleting(T1));
      assertThatIllegalStateException().isThrownBy(() -> failed.start(T1));
      assertThatIllegalStateException().isThrownBy(() -> failed.create(MAIN, T1));
      assertThatIllegalStateException().isThrownBy(() -> failed.forget(T1));
    }
  }
}
