package io.vela.router;

import io.vela.router.branch.Scheduler;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Time that passes only when a test says so. */
public final class ManualTime implements Scheduler {
  private static final Duration LONGEST_STANDSTILL = Duration.ofMillis(20);

  private record Task(Instant at, Runnable what) {}

  private final List<Task> tasks = new ArrayList<>();
  private final BooleanSupplier isQuiet;
  private Instant now = Instant.parse("2026-11-22T00:00:00Z");

  public ManualTime() {
    this(() -> true);
  }

  /**
   * @param isQuiet whether nothing is at work that what came due has begun elsewhere
   */
  public ManualTime(BooleanSupplier isQuiet) {
    this.isQuiet = isQuiet;
  }

  /**
   * Lets time pass, running what comes due in its order. Time stands still for what that begins on
   * other threads, but not for long: it may wait for the test.
   */
  public void pass(Duration time) {
    Instant end = clock().instant().plus(time);
    while (true) {
      Task next;
      synchronized (this) {
        var due =
            tasks.stream().filter(t -> !t.at().isAfter(end)).min(Comparator.comparing(Task::at));
        if (due.isEmpty()) {
          now = end;
          return;
        }
        next = due.get();
        tasks.remove(next);
        now = next.at().isAfter(now) ? next.at() : now;
      }
      next.what().run();
      awaitQuiet();
    }
  }

  private void awaitQuiet() {
    long deadline = System.nanoTime() + LONGEST_STANDSTILL.toNanos();
    while (!isQuiet.getAsBoolean() && System.nanoTime() < deadline) {
      LockSupport.parkNanos(50_000);
    }
  }

  @Override
  public synchronized Alarm after(Duration delay, Runnable task) {
    var added = new Task(now.plus(delay), task);
    tasks.add(added);
    return () -> {
      synchronized (this) {
        tasks.remove(added);
      }
    };
  }

  @Override
  public Clock clock() {
    return new Clock() {
      @Override
      public ZoneId getZone() {
        return ZoneOffset.UTC;
      }

      @Override
      public Clock withZone(ZoneId zone) {
        return this;
      }

      @Override
      public Instant instant() {
        synchronized (ManualTime.this) {
          return now;
        }
      }
    };
  }
}
