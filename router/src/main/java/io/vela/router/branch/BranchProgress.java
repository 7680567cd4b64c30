package io.vela.router.branch;

import io.vela.agent.CloneFailure;
import io.vela.agent.CloneFailure.StopTimedOut;
import io.vela.agent.Endpoint;
import io.vela.agent.InstanceExit;
import io.vela.agent.StopMode;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.branch.BranchListener.Outcome;
import io.vela.router.branch.BranchListener.Reason;
import io.vela.router.branch.BranchListener.WakeKind;
import io.vela.router.branch.BranchState.Creating;
import io.vela.router.branch.BranchState.Failed;
import io.vela.router.branch.BranchState.Parking;
import io.vela.router.branch.BranchState.Running;
import io.vela.router.branch.BranchState.Starting;
import io.vela.router.branch.BranchState.Suspended;
import io.vela.router.branch.BranchState.Suspending;
import io.vela.router.catalog.BranchRow;
import io.vela.router.room.Place;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What follows when a branch's slow work has ended, one way or the other: {@link BranchSteps} tells
 * it here. Each word is one step of {@link BranchLife}, and illegal in any state but the one that
 * the work was begun in.
 */
final class BranchProgress {
  private static final Logger log = LoggerFactory.getLogger(BranchProgress.class);

  /** How long a name that could not be created is remembered after it may be tried again. */
  private static final Duration REMEMBERED = Duration.ofMinutes(1);

  private final BranchMachine machine;
  private final BranchLife life;
  private final BranchContext context;

  BranchProgress(BranchMachine machine, BranchLife life, BranchContext context) {
    this.machine = machine;
    this.life = life;
    this.context = context;
  }

  void created(BranchRow made) {
    life.move(
        step -> {
          if (!(step.state() instanceof Creating from)) {
            throw step.illegal("created");
          }
          var now = step.now();
          var asleep = from.created(now);
          step.row(made);
          step.to(asleep);
          var done = step.creation();
          step.after(() -> done.complete(made));
          log.info(
              "branch created branch={} clone={} snapshot={} millis={}",
              machine.name(),
              made.cloneId(),
              made.snapshot(),
              Duration.between(from.since(), now).toMillis());
          if (!step.waiters().isEmpty()) {
            step.beginStart(asleep.start(now), new BranchLife.Wake(from.since(), true));
          }
        });
  }

  /** It was made of a warm clone, which runs. */
  void handedOut(HandedOut made) {
    life.move(
        step -> {
          if (!(step.state() instanceof Creating from)) {
            throw step.illegal("handedOut");
          }
          step.row(made.row());
          step.branchRoom().take(made.place());
          var done = step.creation();
          step.after(() -> done.complete(made.row()));
          runs(step, from.handedOut(made.endpoint(), step.now()), WakeKind.WARM, from.since());
        });
  }

  void createFailed(RouteFailure cause) {
    life.move(
        step -> {
          if (!(step.state() instanceof Creating from)) {
            throw step.illegal("createFailed");
          }
          var now = step.now();
          var failed = from.failed(cause, now);
          fail(step, failed);
          var done = step.creation();
          step.after(() -> done.completeExceptionally(new RouteException(cause)));
          var pause = Duration.between(now, failed.retryAt()).plus(REMEMBERED);
          step.after(() -> context.scheduler().after(pause, () -> forget(failed)));
        });
  }

  private void forget(Failed failed) {
    life.move(
        step -> {
          if (step.state().equals(failed)) {
            step.to(failed.forget(step.now()));
            step.end();
          }
        });
  }

  /** There is room for it: its start goes on. */
  void admitted(Place place) {
    life.move(step -> step.branchRoom().take(place));
  }

  /** It waited for room, and was not wanted any more. */
  void withdrawn() {
    life.move(
        step -> {
          if (!(step.state() instanceof Starting from)) {
            throw step.illegal("withdrawn");
          }
          var asleep = from.withdrawn(step.now());
          step.leaveRoom();
          step.to(asleep);
          if (!step.waiters().isEmpty()) {
            step.beginStart(asleep.start(step.now()));
          }
        });
  }

  void started(Endpoint endpoint) {
    life.move(
        step -> {
          if (!(step.state() instanceof Starting from)) {
            throw step.illegal("started");
          }
          var wake = step.wake();
          runs(step, from.started(endpoint, step.now()), wake.kind(), wake.askedAt());
        });
  }

  private void runs(BranchLife.Step step, Running running, WakeKind kind, Instant askedAt) {
    var began = step.state().since();
    step.to(running);
    step.watch();
    var took = Duration.between(askedAt, running.since());
    step.tell(listener -> listener.woke(machine, kind, took));
    log.info(
        "branch started branch={} clone={} kind={} waiting={} millis={}",
        machine.name(),
        step.row().orElseThrow().cloneId(),
        kind,
        step.waiters().size(),
        Duration.between(began, running.since()).toMillis());
    step.grantWaiters(running);
    step.tellIfIdle();
  }

  void startFailed(RouteFailure cause) {
    life.move(
        step -> {
          if (!(step.state() instanceof Starting from)) {
            throw step.illegal("startFailed");
          }
          step.leaveRoom();
          fail(step, from.failed(cause, step.now()));
        });
  }

  private void fail(BranchLife.Step step, Failed failed) {
    log.warn(
        "branch failed branch={} clone={} step={} failures={} retry-at={} cause=\"{}\""
            + " detail=\"{}\"",
        machine.name(),
        step.row().map(known -> known.cloneId().value()).orElse("-"),
        failed.step(),
        failed.failures(),
        failed.retryAt(),
        failed.cause().message(),
        failed.cause().diagnosis());
    step.to(failed);
    step.tell(listener -> listener.wakeFailed(machine, failed.step(), failed.cause()));
    step.waiters().takeAll().forEach(waiter -> step.refuse(waiter.future(), failed.cause()));
  }

  void stopLate(CloneFailure failure) {
    life.move(
        step -> {
          if (!(step.state() instanceof Suspending from)) {
            throw step.illegal("stopLate");
          }
          step.branchRoom().place().ifPresent(place -> step.after(place::staying));
          var stop = step.stop();
          late(step, from, failure, failure.message());
          var told =
              new RouteFailure.AgentFailed(
                  "branch \"" + machine.name() + "\" could not be stopped", failure);
          step.after(() -> stop.done().completeExceptionally(new RouteException(told)));
        });
  }

  /** The instance of a branch that is to be deleted did not stop in time: the next way is tried. */
  void stopSlow(StopTimedOut failure) {
    var next =
        switch (failure.mode()) {
          case FAST -> "; it is told to stop without a checkpoint (immediate shutdown)";
          case IMMEDIATE, KILL -> "; its processes are killed";
        };
    life.move(
        step -> {
          if (step.state() instanceof Suspending from) {
            late(step, from, failure, failure.message() + next);
          }
        });
  }

  private void late(BranchLife.Step step, Suspending from, CloneFailure failure, String trouble) {
    var reason = step.stop().reason();
    log.warn(
        "branch not stopped in time branch={} clone={} reason={} cause=\"{}\"",
        machine.name(),
        step.row().orElseThrow().cloneId(),
        reason,
        trouble);
    if (from.trouble().isEmpty()) {
      var timeout = failure instanceof StopTimedOut;
      tellSuspended(step, reason, timeout ? Outcome.TIMEOUT : Outcome.FAILED);
    }
    step.to(from.late(trouble));
  }

  /** The instance of a branch that is to be deleted ended, but not by itself. */
  void forced(StopMode mode) {
    life.move(step -> step.forced(mode));
  }

  void stopped() {
    life.move(
        step -> {
          if (!(step.state() instanceof Suspending from)) {
            throw step.illegal("stopped");
          }
          var now = step.now();
          var stop = step.stop();
          var asleep = from.stopped(now);
          log.info(
              "branch suspended branch={} clone={} reason={} millis={}",
              machine.name(),
              step.row().orElseThrow().cloneId(),
              stop.reason(),
              Duration.between(from.since(), now).toMillis());
          step.to(asleep);
          step.leaveRoom();
          step.leases().forgetRevoked();
          if (from.trouble().isEmpty()) {
            tellSuspended(step, stop.reason(), Outcome.OK);
          }
          step.after(() -> stop.done().complete(null));
          if (!step.waiters().isEmpty()) {
            step.beginStart(asleep.start(now));
          }
        });
  }

  /**
   * @param generation which start's instance has ended: a late word about an earlier one changes
   *     nothing
   */
  void exited(long generation, InstanceExit how) {
    life.move(
        step -> {
          if (generation != step.generation()) {
            return;
          }
          var exit = step.exit();
          step.after(() -> exit.complete(how));
          Optional<Suspended> asleep =
              switch (step.state()) {
                case Running running -> Optional.of(running.exited(step.now()));
                case Parking parking -> Optional.of(parking.exited(step.now()));
                default -> Optional.empty();
              };
          if (asleep.isPresent()) {
            log.warn(
                "branch instance ended by itself branch={} clone={} sessions={} log-tail=\"{}\"",
                machine.name(),
                how.id(),
                step.leases().sessions().size(),
                how.logTail());
            step.ended(asleep.get());
            tellSuspended(step, Reason.EXIT, Outcome.FAILED);
            if (!step.waiters().isEmpty()) {
              step.beginStart(asleep.get().start(step.now()));
            }
          }
        });
  }

  private void tellSuspended(BranchLife.Step step, Reason reason, Outcome outcome) {
    step.tell(listener -> listener.suspended(machine, reason, outcome));
  }
}
