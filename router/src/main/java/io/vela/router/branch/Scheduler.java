package io.vela.router.branch;

import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Time: what it is, and something to do later. Tests turn it by hand. */
public interface Scheduler {
  /** The clock that {@link #after} goes by. */
  Clock clock();

  /** Runs a short task, one that does not block, after some time. */
  Alarm after(Duration delay, Runnable task);

  /** A task to come. */
  @FunctionalInterface
  interface Alarm {
    /** Forgets the task; nothing happens when it has begun. */
    void cancel();
  }

  /** Real time. */
  static Scheduler of(ScheduledExecutorService executor, Clock clock) {
    return new Scheduler() {
      @Override
      public Clock clock() {
        return clock;
      }

      @Override
      public Alarm after(Duration delay, Runnable task) {
        var future = executor.schedule(task, delay.toNanos(), TimeUnit.NANOSECONDS);
        return () -> future.cancel(false);
      }
    };
  }
}
