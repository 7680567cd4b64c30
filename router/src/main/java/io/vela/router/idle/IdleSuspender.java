package io.vela.router.idle;

import io.vela.agent.Activity;
import io.vela.agent.CloneException;
import io.vela.agent.CloneId;
import io.vela.agent.CloneService;
import io.vela.router.branch.BranchListener.Reason;
import io.vela.router.branch.BranchMachine;
import io.vela.router.branch.Scheduler;
import io.vela.router.catalog.BranchRow;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides when a branch may sleep: when no lease has been held for the branch's time and Postgres
 * itself has nothing to do there either.
 *
 * <p>One alarm a branch. A word about idleness carries the machine's epoch, so it does no harm when
 * an alarm goes off after the branch was used again: the machine refuses.
 */
public final class IdleSuspender {
  private static final Logger log = LoggerFactory.getLogger(IdleSuspender.class);

  /** How soon a branch that was busy by itself is looked at again, at the latest. */
  private static final Duration LOOK_AGAIN = Duration.ofSeconds(15);

  private final CloneService agent;
  private final Scheduler scheduler;
  private final Executor threads;
  private final Function<BranchRow, Duration> suspendAfter;
  private final ConcurrentMap<CloneId, Watch> watches = new ConcurrentHashMap<>();

  /**
   * @param threads a virtual thread a task
   * @param suspendAfter how long a branch must be without use
   */
  public IdleSuspender(
      CloneService agent,
      Scheduler scheduler,
      Executor threads,
      Function<BranchRow, Duration> suspendAfter) {
    this.agent = agent;
    this.scheduler = scheduler;
    this.threads = threads;
    this.suspendAfter = suspendAfter;
  }

  /**
   * What is planned for a branch.
   *
   * @param sleepsAt when it will be looked at next, and stopped when nothing uses it
   * @param busyWith what was found when it was last looked at
   */
  public record Plan(Instant sleepsAt, List<String> busyWith) {
    public Plan {
      busyWith = List.copyOf(busyWith);
    }
  }

  private record Watch(long epoch, Plan plan, Scheduler.Alarm alarm) {}

  /** See {@link io.vela.router.branch.BranchListener#idle}. */
  public void idle(BranchMachine machine, long epoch) {
    machine
        .status()
        .row()
        .ifPresent(row -> plan(machine, row, epoch, suspendAfter.apply(row), List.of()));
  }

  /** What is planned; meaningful only while the branch runs without leases. */
  public Optional<Plan> plan(CloneId clone) {
    return Optional.ofNullable(watches.get(clone)).map(Watch::plan);
  }

  /** The branch is gone. */
  public void forget(CloneId clone) {
    var watch = watches.remove(clone);
    if (watch != null) {
      watch.alarm().cancel();
    }
  }

  private void plan(
      BranchMachine machine, BranchRow row, long epoch, Duration delay, List<String> busyWith) {
    watches.compute(
        row.cloneId(),
        (_, old) -> {
          if (old != null && old.epoch() > epoch) {
            return old;
          }
          if (old != null) {
            old.alarm().cancel();
          }
          var plan = new Plan(scheduler.clock().instant().plus(delay), busyWith);
          var alarm =
              scheduler.after(delay, () -> threads.execute(() -> look(machine, row, epoch)));
          return new Watch(epoch, plan, alarm);
        });
  }

  private void look(BranchMachine machine, BranchRow row, long epoch) {
    if (!machine.isIdle(epoch)) {
      return;
    }
    var uses = uses(row);
    if (!uses.isEmpty()) {
      var limit = suspendAfter.apply(row);
      plan(machine, row, epoch, limit.compareTo(LOOK_AGAIN) < 0 ? limit : LOOK_AGAIN, uses);
    } else if (machine.suspendIfIdle(epoch, Reason.IDLE)) {
      forget(row.cloneId());
    }
  }

  /** What Postgres itself has to do in a branch that runs, one line each. Blocks. */
  List<String> uses(BranchRow row) {
    try {
      return agent.activity(row.cloneId()).uses().stream().map(IdleSuspender::describe).toList();
    } catch (CloneException e) {
      log.warn(
          "branch activity unknown branch={} clone={} cause=\"{}\"",
          row.name(),
          row.cloneId(),
          e.getMessage());
      return List.of("unknown: " + e.failure().message());
    }
  }

  /** One line for a person. */
  public static String describe(Activity.Use use) {
    return "%s (pid %d): %s".formatted(use.kind(), use.pid(), use.detail());
  }
}
