package io.vela.router.branch;

import io.vela.router.SteadyClock;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Time: what it is, and something to do later. Tests turn it by hand. */
public interface Scheduler {
  /** Nothing is waited for longer than this, which fits into nanoseconds. */
  Duration LONGEST = Duration.ofDays(100_000);

  /** The clock that {@link #after} goes by: for all that is waited for, counted or compared. */
  Clock clock();

  /** The clock on the wall, which may be set: for what holds until a date. */
  default Clock wall() {
    return clock();
  }

  /** An instant of {@link #clock} as the clock on the wall shows it. */
  default Instant shown(Instant instant) {
    return SteadyClock.shown(instant, clock(), wall());
  }

  /** Runs a short task, one that does not block, after some time, {@link #LONGEST} at most. */
  Alarm after(Duration delay, Runnable task);

  /** A task to come. */
  @FunctionalInterface
  interface Alarm {
    /** Forgets the task; nothing happens when it has begun. */
    void cancel();
  }

  /**
   * Real time.
   *
   * @param wall the host's clock, which may be set
   */
  static Scheduler of(ScheduledExecutorService executor, Clock wall) {
    return new Scheduler() {
      @Override
      public Clock clock() {
        return SteadyClock.get();
      }

      @Override
      public Clock wall() {
        return wall;
      }

      @Override
      public Alarm after(Duration delay, Runnable task) {
        var bounded = delay.compareTo(LONGEST) < 0 ? delay : LONGEST;
        var future = executor.schedule(task, bounded.toNanos(), TimeUnit.NANOSECONDS);
        return () -> future.cancel(false);
      }
    };
  }
}
