package io.vela.router.branch;

import io.vela.agent.CloneException;
import io.vela.agent.Endpoint;
import io.vela.agent.InstanceExit;
import io.vela.agent.StopMode;
import io.vela.router.BranchSession;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router.BranchSettings;
import io.vela.router.SessionRouter.SessionLabel;
import io.vela.router.branch.BranchListener.Reason;
import io.vela.router.branch.BranchState.Creating;
import io.vela.router.branch.BranchState.Parking;
import io.vela.router.branch.BranchState.Running;
import io.vela.router.branch.BranchState.Starting;
import io.vela.router.branch.BranchState.Suspended;
import io.vela.router.branch.BranchState.Suspending;
import io.vela.router.catalog.BranchRow;
import io.vela.router.room.Place;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * One branch's state and all that goes with it, which nobody can reach but in a step.
 *
 * <p>A step is one decision under the branch's only lock, which is never held while anything waits.
 * What follows from it (work to begin, listeners to tell, futures to complete) is done after the
 * lock is released, in the order in which it was decided; those who wait for any change hear of it
 * last, so that whoever listens knows by then.
 */
final class BranchLife {
  private final BranchMachine machine;
  private final BranchContext context;
  private final Consumer<BranchMachine> whenOver;
  private final BranchSteps steps;

  private final ReentrantLock lock = new ReentrantLock();
  private final Waiters waiters;
  private final Leases leases = new Leases();
  private BranchState state;
  private Optional<BranchRow> row;
  private Optional<RouteFailure> barred = Optional.empty();
  private boolean over;
  private long generation;
  private Wake wake;
  private Stop stop = new Stop(Reason.IDLE, CompletableFuture.completedFuture(null));
  private final BranchRoom branchRoom = new BranchRoom();
  private CompletableFuture<Void> changed = new CompletableFuture<>();
  private CompletableFuture<BranchRow> creation = new CompletableFuture<>();
  private CompletableFuture<InstanceExit> exit = new CompletableFuture<>();

  /** The same for all who hold leases: one of their own each would stay with it to the end. */
  private CompletionStage<InstanceExit> exitTold = exit.minimalCompletionStage();

  private CompletableFuture<Disturbance> disturbance = new CompletableFuture<>();
  private boolean yielding;
  private Optional<StopMode> forced = Optional.empty();
  private Optional<ParkTry> lastTry = Optional.empty();

  BranchLife(
      BranchMachine machine,
      BranchContext context,
      Consumer<BranchMachine> whenOver,
      BranchState state,
      Optional<BranchRow> row) {
    this.machine = machine;
    this.context = context;
    this.whenOver = whenOver;
    this.state = state;
    this.row = row;
    this.wake = new Wake(state.since(), false);
    this.waiters = new Waiters(context, lock, this::late, () -> move(Step::withdrawIfUnwanted));
    this.steps =
        new BranchSteps(machine.name(), new BranchProgress(machine, this, context), context);
  }

  /**
   * What a start is for.
   *
   * @param askedAt when the branch was first asked for
   * @param created whether it had to be created first
   */
  record Wake(Instant askedAt, boolean created) {
    BranchListener.WakeKind kind() {
      return created ? BranchListener.WakeKind.CREATE : BranchListener.WakeKind.WAKE;
    }
  }

  /**
   * The last time that the instance stopped, or stops.
   *
   * @param done completes once it has and listeners know; fails when it takes too long
   */
  record Stop(Reason reason, CompletableFuture<Void> done) {}

  /** What comes while sessions are asked to park. */
  sealed interface Disturbance {
    /** Somebody wants the branch. */
    record Arrival(SessionLabel who) implements Disturbance {}

    /** Nobody may come any more. */
    record Barred(RouteFailure reason) implements Disturbance {}

    /** The instance has ended. */
    record Ended() implements Disturbance {}
  }

  /** What one is told who has waited for as long as he may. */
  private RouteFailure late() {
    var name = machine.name();
    var bound = context.room().occupancy().bound();
    return bound.isPresent() && step(step -> step.branchRoom().isAwaited())
        ? new RouteFailure.NoRoom(name, bound.get(), context.room().occupants())
        : new RouteFailure.WakeTimedOut(name, context.wakeTimeout().get());
  }

  /** Stops the instance of a branch that is to be deleted, whatever it takes. Blocks. */
  void stopToDelete(BranchRow clone) throws CloneException {
    steps.stopToDelete(clone);
  }

  /** Decides under the lock; does what follows without. */
  <T> T step(Function<Step, T> decision) {
    var step = new Step();
    T result;
    lock.lock();
    try {
      result = decision.apply(step);
    } finally {
      lock.unlock();
    }
    step.after.forEach(Runnable::run);
    step.last.forEach(Runnable::run);
    return result;
  }

  /** A step without an answer. */
  void move(Consumer<Step> decision) {
    step(
        step -> {
          decision.accept(step);
          return true;
        });
  }

  /** What is guarded by the lock: it is there for as long as the decision that it is given to. */
  final class Step {
    private final List<Runnable> after = new ArrayList<>();
    private final List<Runnable> last = new ArrayList<>();

    private Step() {}

    Instant now() {
      return context.scheduler().clock().instant();
    }

    BranchState state() {
      return state;
    }

    Optional<BranchRow> row() {
      return row;
    }

    void row(BranchRow made) {
      row = Optional.of(made);
    }

    Waiters waiters() {
      return waiters;
    }

    Leases leases() {
      return leases;
    }

    /** Whether the machine has no future; the next of its name is another. */
    boolean over() {
      return over;
    }

    /** Why all who come are refused, if they are. */
    Optional<RouteFailure> barred() {
      return barred;
    }

    Wake wake() {
      return wake;
    }

    Stop stop() {
      return stop;
    }

    /** How its instance was ended by force; empty when that was never needed. */
    Optional<StopMode> forced() {
      return forced;
    }

    void forced(StopMode mode) {
      forced = Optional.of(mode);
    }

    /** Completes after the next change of state. */
    CompletableFuture<Void> changed() {
      return changed;
    }

    /** Of the creation at work, or the last one. */
    CompletableFuture<BranchRow> creation() {
      return creation;
    }

    /** Tells one start from another. */
    long generation() {
      return generation;
    }

    /** Of the instance that runs, or the last one. */
    CompletableFuture<InstanceExit> exit() {
      return exit;
    }

    /** Leaves something to be done when the lock is released. */
    void after(Runnable action) {
      after.add(action);
    }

    /** Tells the listener when the lock is released. */
    void tell(Consumer<BranchListener> word) {
      after.add(() -> word.accept(context.listener()));
    }

    /** Moves on. */
    void to(BranchState next) {
      state = next;
      var done = changed;
      changed = new CompletableFuture<>();
      last.add(() -> done.complete(null));
    }

    void bar(RouteFailure reason) {
      barred = Optional.of(reason);
      waiters.takeAll().forEach(waiter -> refuse(waiter.future(), reason));
      withdrawIfUnwanted();
      disturb(new Disturbance.Barred(reason));
    }

    /**
     * Who comes from now on waits until the sessions have been asked.
     *
     * @param yields whether who comes is in the way
     * @return completes with the first thing that comes in the way
     */
    CompletableFuture<Disturbance> beginParking(Running running, boolean yields) {
      to(running.park(now()));
      yielding = yields;
      disturbance = new CompletableFuture<>();
      return disturbance;
    }

    /**
     * The state, if it is still that of one attempt.
     *
     * @param attempt what {@link #beginParking} gave it
     */
    @SuppressWarnings("ReferenceEquality") // A future is no one's equal but its own.
    Optional<Parking> parking(CompletableFuture<Disturbance> attempt) {
      return state instanceof Parking parking && disturbance == attempt
          ? Optional.of(parking)
          : Optional.empty();
    }

    /** Of no consequence unless sessions are being asked to park. */
    void disturb(Disturbance by) {
      var told = disturbance;
      if (yielding || !(by instanceof Disturbance.Arrival)) {
        after.add(() -> told.complete(by));
      }
    }

    /** The branch stays awake; who came meanwhile is let in. */
    void abandonParking(Parking parking) {
      var running = parking.abandon();
      to(running);
      grantWaiters(running);
      tellIfIdle();
    }

    void grantWaiters(Running running) {
      waiters
          .takeAll()
          .forEach(waiter -> grant(waiter.future(), waiter.session(), running.endpoint()));
    }

    /** How it went when its sessions were last asked to park; empty for never since it woke. */
    Optional<ParkTry> lastTry() {
      return lastTry;
    }

    void tried(ParkTry how) {
      lastTry = Optional.of(how);
    }

    /** Lets in again whom that reason kept out. */
    void unbar(RouteFailure reason) {
      barred = barred.filter(bar -> !bar.equals(reason));
    }

    void beginCreate(Creating next, BranchSettings settings) {
      creation = new CompletableFuture<>();
      to(next);
      after.add(() -> steps.create(next, settings));
    }

    void beginStart(Starting next) {
      beginStart(next, new Wake(next.since(), false));
    }

    void beginStart(Starting next, Wake reason) {
      wake = reason;
      var clone = row.orElseThrow();
      to(next);
      var asked = branchRoom.ask(context.room(), reason.askedAt());
      after.add(() -> steps.start(clone, reason.askedAt(), asked));
    }

    /** The branch's room for its instance. */
    BranchRoom branchRoom() {
      return branchRoom;
    }

    /** Who waits for room for nobody stands in the way of others. */
    void withdrawIfUnwanted() {
      if (waiters.isEmpty()) {
        branchRoom.withdraw();
      }
    }

    /** No instance of it runs any more, and none will without a place of its own. */
    void leaveRoom() {
      var left = branchRoom.leave();
      after.add(() -> left.ifPresent(Place::free));
    }

    /** An instance runs from now on. */
    void watch() {
      exit = new CompletableFuture<>();
      exitTold = exit.minimalCompletionStage();
      lastTry = Optional.empty();
      leases.used();
      var clone = row.orElseThrow();
      long started = ++generation;
      after.add(() -> steps.watch(clone, started));
    }

    /**
     * @param told to those who hold leases still
     */
    void beginStop(Suspending next, Reason reason, RouteFailure told) {
      to(next);
      branchRoom.place().ifPresent(Place::leaving);
      stop = new Stop(reason, new CompletableFuture<>());
      after.addAll(leases.revokeAll(told));
      var clone = row.orElseThrow();
      var letGo = leases.letGo();
      var ended = exit;
      after.add(() -> steps.stop(clone, reason, letGo, ended));
    }

    /** The instance has ended by itself. */
    void ended(Suspended asleep) {
      to(asleep);
      disturb(new Disturbance.Ended());
      leaveRoom();
      leases.forgetHeld();
      var done = new CompletableFuture<Void>();
      stop = new Stop(Reason.EXIT, done);
      last.add(() -> done.complete(null));
    }

    void grant(CompletableFuture<BranchLease> future, BranchSession session, Endpoint endpoint) {
      var lease = new HeldLease(machine, session, endpoint, exitTold);
      leases.add(lease);
      after.add(
          () -> {
            if (!future.complete(lease)) {
              lease.close();
            }
          });
    }

    void refuse(CompletableFuture<BranchLease> future, RouteFailure reason) {
      after.add(() -> future.completeExceptionally(new RouteException(reason)));
    }

    void tellIfIdle() {
      if (state instanceof Running && leases.isEmpty()) {
        long epoch = leases.epoch();
        leases.unusedSince(now());
        tell(listener -> listener.idle(machine, epoch));
      }
    }

    /** There is nothing left to be the machine of. */
    void end() {
      over = true;
      after.add(() -> whenOver.accept(machine));
      tell(listener -> listener.gone(machine));
    }

    IllegalStateException illegal(String move) {
      return new IllegalStateException(
          "branch " + machine.name() + " is " + state.label() + ": no " + move);
    }
  }
}
