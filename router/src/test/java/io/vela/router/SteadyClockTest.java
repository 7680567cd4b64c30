package io.vela.router;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.router.branch.Scheduler;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

class SteadyClockTest {
  @Test
  void whatIsWaitedForGoesByAClockThatNobodySets() {
    var clock = SteadyClock.get();
    var before = clock.instant();
    long millis = clock.millis();

    assertThat(clock.instant()).isAfterOrEqualTo(before);
    assertThat(millis).isBetween(before.toEpochMilli() - 1, clock.instant().toEpochMilli() + 1);
    try (var executor = Executors.newSingleThreadScheduledExecutor()) {
      // The host's clock is set back by a day.
      var wall = Clock.fixed(before.minus(Duration.ofDays(1)), ZoneOffset.UTC);
      var scheduler = Scheduler.of(executor, wall);
      assertThat(scheduler.clock().instant()).isAfterOrEqualTo(before);
      assertThat(scheduler.wall()).isSameAs(wall);
    }
  }

  @Test
  void peopleAreShownWhatTheClockOnTheWallShows() {
    var steady = Clock.fixed(Instant.parse("2026-11-22T10:00:00Z"), ZoneOffset.UTC);
    var event = Instant.parse("2026-11-22T09:30:00Z");

    assertThat(SteadyClock.shown(event, steady, Clock.offset(steady, Duration.ofHours(3))))
        .isEqualTo(Instant.parse("2026-11-22T12:30:00Z"));
    assertThat(SteadyClock.shown(event, steady, Clock.offset(steady, Duration.ofHours(-1))))
        .isEqualTo(Instant.parse("2026-11-22T08:30:00Z"));
    assertThat(SteadyClock.shown(event, steady, Clock.offset(steady, Duration.ofMillis(3))))
        .isEqualTo(event);
  }
}
