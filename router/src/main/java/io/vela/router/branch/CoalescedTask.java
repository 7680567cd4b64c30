package io.vela.router.branch;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Something to look after whenever there is reason to: never twice at the same time, and always
 * once more after the last reason.
 */
public final class CoalescedTask {
  private static final Logger log = LoggerFactory.getLogger(CoalescedTask.class);

  private final Executor threads;
  private final Scheduler scheduler;
  private final Runnable work;
  private final AtomicInteger reasons = new AtomicInteger();
  private Optional<Planned> planned = Optional.empty();

  private record Planned(Instant at, Scheduler.Alarm alarm) {}

  /**
   * @param threads a virtual thread a task
   * @param work may block
   */
  public CoalescedTask(Executor threads, Scheduler scheduler, Runnable work) {
    this.threads = threads;
    this.scheduler = scheduler;
    this.work = work;
  }

  /** There is reason to. Does not block. */
  public void due() {
    if (reasons.getAndIncrement() == 0) {
      threads.execute(this::run);
    }
  }

  /** There will be reason to; of several times the earliest counts. Does not block. */
  public synchronized void dueAfter(Duration pause) {
    var at = scheduler.clock().instant().plus(pause);
    if (planned.filter(plan -> !plan.at().isAfter(at)).isPresent()) {
      return;
    }
    planned.ifPresent(plan -> plan.alarm().cancel());
    planned = Optional.of(new Planned(at, scheduler.after(pause, () -> rings(at))));
  }

  private void rings(Instant at) {
    synchronized (this) {
      planned = planned.filter(plan -> !plan.at().equals(at));
    }
    due();
  }

  private void run() {
    int seen;
    do {
      seen = reasons.get();
      try {
        work.run();
      } catch (RuntimeException e) {
        log.error("task failed", e);
      }
    } while (reasons.addAndGet(-seen) != 0);
  }
}
