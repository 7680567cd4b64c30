package io.vela.router.branch;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure;
import io.vela.agent.StopMode;
import io.vela.config.value.BranchName;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.branch.BranchListener.Reason;
import io.vela.router.branch.BranchState.Absent;
import io.vela.router.branch.BranchState.Creating;
import io.vela.router.branch.BranchState.Deleting;
import io.vela.router.branch.BranchState.Failed;
import io.vela.router.branch.BranchState.Parking;
import io.vela.router.branch.BranchState.Running;
import io.vela.router.branch.BranchState.Starting;
import io.vela.router.branch.BranchState.Suspended;
import io.vela.router.branch.BranchState.Suspending;
import io.vela.router.branch.BranchState.Trashed;
import io.vela.router.catalog.BranchRow;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is done to one branch by hand. All of it blocks until it is done: call it on virtual
 * threads. It decides in steps of {@link BranchLife} and waits between them.
 */
final class BranchOperations {
  private static final Logger log = LoggerFactory.getLogger(BranchOperations.class);

  /** How soon sessions that were at work are looked at again. */
  private static final Duration LOOK_AGAIN = Duration.ofMillis(100);

  /** How long a start or a stop that others began is left alone by a deletion. */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private final BranchName name;
  private final BranchMachine machine;
  private final BranchLife life;
  private final BranchContext context;

  /** One deletion at a time; held while it works. */
  private final ReentrantLock deletions = new ReentrantLock(true);

  BranchOperations(BranchMachine machine, BranchLife life, BranchContext context) {
    this.name = machine.name();
    this.machine = machine;
    this.life = life;
    this.context = context;
  }

  private record Wait(CompletableFuture<Void> until, boolean last) {}

  /**
   * Parks the branch's sessions, puts it to sleep and waits until it is.
   *
   * @param force ends those that cannot be parked; without it they are a {@link RouteFailure.InUse}
   */
  void suspend(boolean force, Reason reason) throws RouteException, InterruptedException {
    var order = ParkOrder.byHand(name, reason, force);
    while (true) {
      var wait = life.step(step -> suspendUnlessHeld(step, order));
      if (wait.isPresent()) {
        await(wait.get().until());
        if (wait.get().last()) {
          return;
        }
      } else if (parked(order)) {
        await(life.step(BranchLife.Step::stop).done());
        return;
      }
    }
  }

  /** Empty when sessions must be parked first. */
  private Optional<Wait> suspendUnlessHeld(BranchLife.Step step, ParkOrder order) {
    if (!(step.state() instanceof Running) || step.leases().isEmpty()) {
      return Optional.of(end(step, order.told(), order.reason()));
    }
    return step.barred().map(reason -> new Wait(failed(reason), true));
  }

  /**
   * @return whether it is being stopped; else it must be looked at again
   */
  private boolean parked(ParkOrder order) throws RouteException, InterruptedException {
    return switch (machine.park(order)) {
      case ParkOutcome.Parked _ -> true;
      case ParkOutcome.Vetoed(var objections) -> throw inUse(strings(objections));
      case ParkOutcome.Busy(var uses) -> throw inUse(strings(uses));
      case ParkOutcome.Failed(var cause) when isRunning() -> throw inUse(List.of(cause));
      case ParkOutcome.Failed _, ParkOutcome.Wanted _, ParkOutcome.Moot _ -> false;
    };
  }

  private boolean isRunning() {
    return life.step(step -> step.state() instanceof Running);
  }

  private static List<String> strings(List<?> things) {
    return things.stream().map(Object::toString).toList();
  }

  /**
   * As {@link #suspend}, but gives sessions that are at work the time to end what they do.
   *
   * @param patience how much
   */
  void stopToRestart(boolean force, Duration patience) throws RouteException, InterruptedException {
    var deadline = now().plus(patience);
    while (true) {
      while (isAtWork() && now().isBefore(deadline)) {
        context.pause(LOOK_AGAIN);
      }
      try {
        suspend(false, Reason.RESTART);
        return;
      } catch (RouteException e) {
        if (!(e.failure() instanceof RouteFailure.InUse)) {
          throw e;
        }
        if (isAtWork() && now().isBefore(deadline)) {
          continue; // It began after it was looked at.
        }
        if (!force) {
          throw e;
        }
        suspend(true, Reason.RESTART);
        return;
      }
    }
  }

  private boolean isAtWork() {
    return life.step(step -> step.leases().sessions()).stream()
        .anyMatch(session -> session.activity().quietSince().isEmpty());
  }

  private Instant now() {
    return context.scheduler().clock().instant();
  }

  /**
   * Ends the branch's sessions, puts it to sleep and waits until it is.
   *
   * @param told to holders of leases
   */
  private void end(RouteFailure told, Reason reason) throws RouteException, InterruptedException {
    Wait wait;
    do {
      wait = life.step(step -> end(step, told, reason));
      await(wait.until());
    } while (!wait.last());
  }

  private Wait end(BranchLife.Step step, RouteFailure told, Reason reason) {
    return switch (step.state()) {
      case Running running -> {
        step.beginStop(running.suspend(step.now()), reason, told);
        yield new Wait(step.stop().done(), true);
      }
      case Suspending _ -> new Wait(step.stop().done(), true);
      case Creating _, Starting _, Parking _ -> new Wait(step.changed(), false);
      // It sleeps already; but listeners may not have been told yet of the stop that led here.
      case Suspended _ -> new Wait(step.stop().done().exceptionally(_ -> null), true);
      case Absent _, Failed _, Deleting _, Trashed _ ->
          new Wait(CompletableFuture.completedFuture(null), true);
    };
  }

  /** Refuses all who wait and all who come, and puts the branch to sleep. */
  void shutDown() throws RouteException, InterruptedException {
    var reason = new RouteFailure.ShuttingDown();
    life.move(step -> step.bar(reason));
    end(reason, Reason.SHUTDOWN);
  }

  /**
   * Deletes the branch and waits until it is gone; finishes a deletion that failed.
   *
   * @param force ends its sessions; without it they are a {@link RouteFailure.InUse}
   * @return how its instance had to be ended by force; empty when it stopped by itself
   */
  Optional<StopMode> delete(boolean force) throws RouteException, InterruptedException {
    deletions.lockInterruptibly();
    try {
      var reason = new RouteFailure.BranchDeleted(name);
      var refusal = life.step(step -> barForDeletion(step, force, reason));
      if (refusal.isPresent()) {
        throw refusal.get();
      }
      BranchRow condemned;
      try {
        endToDelete(reason);
        condemned = condemn();
      } catch (RouteException | InterruptedException e) {
        life.move(step -> step.unbar(reason));
        throw e;
      }
      life.move(step -> step.tell(listener -> listener.deleting(machine, reason)));
      destroy(condemned);
      return life.step(BranchLife.Step::forced);
    } finally {
      deletions.unlock();
    }
  }

  /**
   * As {@link #end}, but an instance that is being stopped for another reason, or that is on its
   * way up and stays there, is not waited for: what is deleted may be ended by force.
   */
  private void endToDelete(RouteFailure told) throws RouteException, InterruptedException {
    long patience = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      var wait = life.step(step -> endOrUnderWay(step, told));
      if (wait.isPresent()) {
        await(wait.get().until());
        if (wait.get().last()) {
          return;
        }
      } else if (!changes(life.step(BranchLife.Step::changed), patience)) {
        stopToDelete();
        patience = System.nanoTime() + PATIENCE.toNanos();
      }
    }
  }

  private void stopToDelete() throws RouteException {
    try {
      life.stopToDelete(life.step(BranchLife.Step::row).orElseThrow(this::noSuchBranch));
    } catch (CloneException e) {
      throw new RouteException(
          new RouteFailure.AgentFailed("branch \"" + name + "\" could not be stopped", e.failure()),
          e);
    }
  }

  /** Empty while its instance is being started or stopped by others. */
  private Optional<Wait> endOrUnderWay(BranchLife.Step step, RouteFailure told) {
    return switch (step.state()) {
      case Starting _, Suspending _ -> Optional.empty();
      case Absent _, Creating _, Suspended _, Running _, Parking _ ->
          Optional.of(end(step, told, Reason.DELETE));
      case Failed _, Deleting _, Trashed _ -> Optional.of(end(step, told, Reason.DELETE));
    };
  }

  /**
   * @param until as {@link System#nanoTime} has it
   */
  private static boolean changes(CompletableFuture<Void> changed, long until)
      throws InterruptedException {
    long left = until - System.nanoTime();
    if (left <= 0) {
      return false;
    }
    try {
      changed.get(left, TimeUnit.NANOSECONDS);
      return true;
    } catch (ExecutionException e) {
      throw new IllegalStateException("a change cannot fail", e);
    } catch (TimeoutException e) {
      return false;
    }
  }

  /** The check that nobody uses it and the bar against those who come are one step. */
  private Optional<RouteException> barForDeletion(
      BranchLife.Step step, boolean force, RouteFailure reason) {
    boolean nothingThere =
        switch (step.state()) {
          case Absent _, Trashed _ -> true;
          case Failed failed -> failed.step() == Failed.Step.CREATE;
          case Creating _, Suspended _, Starting _, Deleting _ -> false;
          case Running _, Parking _, Suspending _ -> false;
        };
    if (nothingThere) {
      return Optional.of(noSuchBranch());
    }
    if (!force && !(step.leases().isEmpty() && step.waiters().isEmpty())) {
      return Optional.of(inUse(step));
    }
    step.bar(reason);
    return Optional.empty();
  }

  private BranchRow condemn() throws RouteException {
    record Found(Optional<BranchRow> row, boolean condemned) {}
    var found =
        life.step(
            step ->
                new Found(
                    step.row(),
                    step.state() instanceof Failed failed && failed.step() == Failed.Step.DESTROY));
    var row = found.row().orElseThrow(this::noSuchBranch);
    if (!found.condemned()) {
      context.work().condemn(row);
    }
    return row;
  }

  private void destroy(BranchRow condemned) throws RouteException {
    life.move(
        step ->
            step.to(
                switch (step.state()) {
                  case Suspended suspended -> suspended.delete(step.now());
                  case Failed failed -> failed.delete(step.now());
                  case Absent _, Creating _, Starting _, Running _ -> throw step.illegal("delete");
                  case Parking _, Suspending _, Deleting _, Trashed _ ->
                      throw step.illegal("delete");
                }));
    try {
      context.work().destroy(condemned);
    } catch (RouteException e) {
      destroyFailed(condemned, e.failure());
      throw e;
    } catch (RuntimeException e) {
      var cause = new CloneFailure.StorageFailed("unexpected: " + e, "");
      destroyFailed(
          condemned,
          new RouteFailure.AgentFailed("branch \"" + name + "\" could not be deleted", cause));
      throw e;
    }
    life.move(
        step -> {
          if (!(step.state() instanceof Deleting deleting)) {
            throw step.illegal("trashed");
          }
          step.to(deleting.trashed(step.now()));
          step.end();
        });
  }

  private void destroyFailed(BranchRow condemned, RouteFailure cause) {
    log.warn(
        "branch not deleted branch={} clone={} cause=\"{}\"",
        name,
        condemned.cloneId(),
        cause.message());
    life.move(
        step -> {
          if (!(step.state() instanceof Deleting deleting)) {
            throw step.illegal("destroyFailed");
          }
          step.to(deleting.failed(cause, step.now()));
        });
  }

  private RouteException inUse(BranchLife.Step step) {
    var users =
        new ArrayList<>(
            step.leases().sessions().stream().map(s -> s.label().description()).toList());
    if (!step.waiters().isEmpty()) {
      users.add(step.waiters().size() + " waiting for it to run");
    }
    return inUse(users);
  }

  private RouteException inUse(List<String> users) {
    return new RouteException(
        new RouteFailure.InUse("branch \"" + name + "\" is in use", List.copyOf(users)));
  }

  private RouteException noSuchBranch() {
    return new RouteException(new RouteFailure.NoSuchBranch(name));
  }

  private static CompletableFuture<Void> failed(RouteFailure reason) {
    return CompletableFuture.failedFuture(new RouteException(reason));
  }

  private static void await(CompletableFuture<Void> future)
      throws RouteException, InterruptedException {
    try {
      future.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RouteException failure) {
        throw failure;
      }
      throw new IllegalStateException(e.getCause());
    }
  }
}
