package io.vela.router.idle;

import io.vela.agent.Activity;
import io.vela.agent.CloneException;
import io.vela.agent.CloneId;
import io.vela.agent.CloneService;
import io.vela.config.ParkPolicy.OnIdle;
import io.vela.router.BranchSession;
import io.vela.router.RouteFailure;
import io.vela.router.branch.BranchListener.Reason;
import io.vela.router.branch.BranchMachine;
import io.vela.router.branch.BranchMachine.Use;
import io.vela.router.branch.ParkOrder;
import io.vela.router.branch.ParkOutcome;
import io.vela.router.branch.Scheduler;
import io.vela.router.catalog.BranchRow;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides when a branch may sleep: when for the branch's time no lease has been held, or the
 * sessions of all that are held have been quiet, and Postgres itself has nothing to do there
 * either.
 *
 * <p>One alarm a branch that runs. Quietness comes without a word, so the branch is looked at when
 * it could have lasted for long enough at the earliest. A look decides on what it finds, and the
 * machine refuses what is no longer so: an alarm that goes off late does no harm.
 */
public final class IdleSuspender {
  private static final Logger log = LoggerFactory.getLogger(IdleSuspender.class);

  /** How soon a branch that was busy is looked at again, at the latest. */
  private static final Duration LOOK_AGAIN = Duration.ofSeconds(15);

  /** How soon at the earliest. */
  private static final Duration BREATH = Duration.ofSeconds(1);

  /** How many times its time a branch whose sessions cannot be parked is left alone at most. */
  private static final int LONGEST_BREAK = 16;

  private final CloneService agent;
  private final Scheduler scheduler;
  private final Executor threads;
  private final Function<BranchRow, Rule> rules;
  private final ConcurrentMap<CloneId, Watch> watches = new ConcurrentHashMap<>();
  private final ConcurrentMap<CloneId, Refusals> refusals = new ConcurrentHashMap<>();

  /**
   * @param threads a virtual thread a task
   * @param rules what holds for a branch at this moment
   */
  public IdleSuspender(
      CloneService agent, Scheduler scheduler, Executor threads, Function<BranchRow, Rule> rules) {
    this.agent = agent;
    this.scheduler = scheduler;
    this.threads = threads;
    this.rules = rules;
  }

  /**
   * When a branch may sleep.
   *
   * @param suspendAfter how long it must be without use
   * @param onIdle what becomes of sessions that are quiet for so long
   */
  public record Rule(Duration suspendAfter, OnIdle onIdle) {}

  /**
   * What is planned for a branch.
   *
   * @param sleepsAt when it will be stopped, or its sessions asked to park, when nothing uses it
   *     until then; empty while something does
   * @param busyWith what Postgres itself had to do when it was last looked at
   */
  public record Plan(Optional<Instant> sleepsAt, List<String> busyWith) {
    public Plan {
      busyWith = List.copyOf(busyWith);
    }
  }

  private record Watch(Plan plan, Scheduler.Alarm alarm) {}

  /**
   * That sessions could not be parked.
   *
   * @param times in a row
   * @param sessions which held leases: when others do, it is tried again as if it never had been
   * @param tryAt not before
   */
  private record Refusals(int times, Set<Long> sessions, Instant tryAt) {}

  /** A branch runs, is used by nobody from now on, or another rule holds for it. */
  public void watch(BranchMachine machine) {
    use(machine)
        .ifPresent(
            use -> {
              var rule = rules.apply(use.row());
              if (use.sessions().isEmpty()) {
                var due = use.unusedSince().plus(rule.suspendAfter());
                planUnused(machine, use.row(), later(now(), due));
              } else {
                planInUse(machine, use.row(), rule);
              }
            });
  }

  private void planUnused(BranchMachine machine, BranchRow row, Instant due) {
    plan(machine, row, Duration.between(now(), due), new Plan(Optional.of(due), List.of()));
  }

  /**
   * How it is used; empty when it does not run. While others ask its sessions to park that cannot
   * be known, and it is looked at again soon.
   */
  private Optional<Use> use(BranchMachine machine) {
    var status = machine.status();
    if (status.row().isEmpty() || !status.state().isAwake()) {
      return Optional.empty();
    }
    var use = machine.use();
    if (use.isEmpty()) {
      plan(machine, status.row().get(), BREATH, new Plan(noTime(), List.of()));
    }
    return use;
  }

  /** What is planned; meaningful only while the branch runs. */
  public Optional<Plan> plan(CloneId clone) {
    return Optional.ofNullable(watches.get(clone)).map(Watch::plan);
  }

  /** The branch is gone. */
  public void forget(CloneId clone) {
    refusals.remove(clone);
    var watch = watches.remove(clone);
    if (watch != null) {
      watch.alarm().cancel();
    }
  }

  private Instant now() {
    return scheduler.clock().instant();
  }

  private static Optional<Instant> noTime() {
    return Optional.empty();
  }

  private void plan(BranchMachine machine, BranchRow row, Duration pause, Plan plan) {
    watches.compute(
        row.cloneId(),
        (_, old) -> {
          if (old != null) {
            old.alarm().cancel();
          }
          return new Watch(
              plan, scheduler.after(pause, () -> threads.execute(() -> look(machine))));
        });
  }

  /** Blocks. A branch that has gone to sleep is looked after again when it wakes. */
  private void look(BranchMachine machine) {
    var found = use(machine);
    if (found.isEmpty()) {
      return;
    }
    var use = found.get();
    var rule = rules.apply(use.row());
    if (use.sessions().isEmpty()) {
      lookAtUnused(machine, use, rule);
      return;
    }
    var quiet = use.quietSince();
    if (quiet.isEmpty() || rule.onIdle() == OnIdle.STAY_AWAKE) {
      planInUse(machine, use.row(), rule);
      return;
    }
    var due = later(quiet.get().plus(rule.suspendAfter()), mayTryAt(use));
    if (now().isBefore(due)) {
      planQuiet(machine, use, rule, due);
    } else {
      lookAtQuiet(machine, use, rule);
    }
  }

  private void lookAtUnused(BranchMachine machine, Use use, Rule rule) {
    var due = use.unusedSince().plus(rule.suspendAfter());
    if (now().isBefore(due)) {
      planUnused(machine, use.row(), due);
      return;
    }
    var uses = uses(use.row());
    if (!uses.isEmpty()) {
      planBusy(machine, use.row(), rule, uses);
    } else if (!machine.suspendIfIdle(use.epoch(), Reason.IDLE)) {
      watch(machine); // Somebody came meanwhile.
    }
  }

  private void lookAtQuiet(BranchMachine machine, Use use, Rule rule) {
    if (rule.onIdle() == OnIdle.DISCONNECT) {
      disconnect(machine, use, rule);
      return;
    }
    try {
      var outcome = park(machine, use, Reason.IDLE);
      switch (outcome) {
        case ParkOutcome.Parked _ -> {} // Looked after again when it wakes.
        case ParkOutcome.Busy(var uses) ->
            planBusy(machine, use.row(), rule, uses.stream().map(Activity.Use::toString).toList());
        case ParkOutcome.Vetoed _, ParkOutcome.Failed _ -> {
          if (machine.use().isPresent()) {
            planQuiet(machine, use, rule, later(now(), mayTryAt(use)));
          }
        }
        case ParkOutcome.Wanted _, ParkOutcome.Moot _ -> watch(machine);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // Only the end of Vela interrupts these threads.
    }
  }

  private void disconnect(BranchMachine machine, Use use, Rule rule) {
    var atWork = uses(use.row(), false);
    if (!atWork.isEmpty()) {
      planBusy(machine, use.row(), rule, atWork);
      return;
    }
    var told = new RouteFailure.IdleDisconnected(use.row().name(), rule.suspendAfter());
    if (!machine.disconnectIfQuiet(use.epoch(), now().minus(rule.suspendAfter()), told)) {
      watch(machine); // One of them has become active, or somebody came.
    }
  }

  /**
   * Tries to put a branch to sleep under its sessions; blocks.
   *
   * @param use in which they were found quiet
   */
  ParkOutcome park(BranchMachine machine, Use use, Reason reason) throws InterruptedException {
    var outcome = machine.park(ParkOrder.quiet(reason, use.epoch()));
    var clone = use.row().cloneId();
    switch (outcome) {
      case ParkOutcome.Parked _ -> refusals.remove(clone);
      case ParkOutcome.Vetoed _, ParkOutcome.Failed _ ->
          refusals.compute(clone, (_, before) -> refused(use, before == null ? 0 : before.times()));
      case ParkOutcome.Busy _, ParkOutcome.Wanted _, ParkOutcome.Moot _ -> {}
    }
    return outcome;
  }

  private Refusals refused(Use use, int before) {
    var pause =
        rules.apply(use.row()).suspendAfter().multipliedBy(Math.min(LONGEST_BREAK, 1L << before));
    return new Refusals(Math.min(before + 1, LONGEST_BREAK), ids(use), now().plus(pause));
  }

  private static Set<Long> ids(Use use) {
    return use.sessions().stream()
        .map(BranchSession::label)
        .map(label -> label.id())
        .collect(Collectors.toSet());
  }

  /** Whether the branch may sleep under its sessions. */
  boolean parks(BranchRow row) {
    return rules.apply(row).onIdle() == OnIdle.PARK;
  }

  /** From when on its sessions may be asked again. */
  Instant mayTryAt(Use use) {
    var refused =
        refusals.computeIfPresent(
            use.row().cloneId(), (_, before) -> before.sessions().equals(ids(use)) ? before : null);
    return refused == null ? Instant.MIN : refused.tryAt();
  }

  /** Its sessions are quiet for now. Looked at again soon, in case others come and go. */
  private void planQuiet(BranchMachine machine, Use use, Rule rule, Instant due) {
    var pause = shorter(Duration.between(now(), due), busyPause(rule));
    var atLeast = shorter(BREATH, rule.suspendAfter());
    plan(
        machine,
        use.row(),
        pause.compareTo(atLeast) < 0 ? atLeast : pause,
        new Plan(Optional.of(due), List.of()));
  }

  private void planInUse(BranchMachine machine, BranchRow row, Rule rule) {
    plan(machine, row, busyPause(rule), new Plan(noTime(), List.of()));
  }

  private void planBusy(BranchMachine machine, BranchRow row, Rule rule, List<String> uses) {
    var pause = busyPause(rule);
    plan(machine, row, pause, new Plan(Optional.of(now().plus(pause)), uses));
  }

  private static Duration busyPause(Rule rule) {
    return shorter(rule.suspendAfter(), LOOK_AGAIN);
  }

  private static Duration shorter(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }

  private static Instant later(Instant one, Instant other) {
    return one.isAfter(other) ? one : other;
  }

  /** What Postgres itself has to do in a branch that runs, one line each. Blocks. */
  List<String> uses(BranchRow row) {
    return uses(row, true);
  }

  private List<String> uses(BranchRow row, boolean clients) {
    try {
      return agent.activity(row.cloneId()).uses().stream()
          .filter(use -> clients || !use.isClientBackend())
          .map(Activity.Use::toString)
          .toList();
    } catch (CloneException e) {
      log.warn(
          "branch activity unknown branch={} clone={} cause=\"{}\"",
          row.name(),
          row.cloneId(),
          e.getMessage());
      return List.of("unknown: " + e.failure().message());
    }
  }
}
