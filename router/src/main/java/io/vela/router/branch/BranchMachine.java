package io.vela.router.branch;

import io.vela.agent.Endpoint;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.BranchSession;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router.BranchSettings;
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
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * The sole owner of one branch's transitions ({@link BranchState} draws them).
 *
 * <p>Every decision is one step of {@link BranchLife}, under the branch's one lock: those for who
 * arrives and for the idle are here, those by hand in {@link BranchOperations}, those that follow
 * slow work in {@link BranchProgress}. So any number of arrivals cause one clone and one start, and
 * the check that nobody holds a lease and the move to Suspending cannot be parted.
 */
public final class BranchMachine {
  private final BranchName name;
  private final BranchLife life;
  private final BranchContext context;
  private final BranchOperations operations;

  private BranchMachine(
      BranchName name,
      BranchContext context,
      Consumer<BranchMachine> whenOver,
      BranchState state,
      Optional<BranchRow> row) {
    this.name = name;
    this.life = new BranchLife(this, context, whenOver, state, row);
    this.context = context;
    this.operations = new BranchOperations(this, life, context);
  }

  /** A branch that does not exist yet. */
  static BranchMachine absent(
      BranchName name, BranchContext context, Consumer<BranchMachine> whenOver) {
    var now = context.scheduler().clock().instant();
    return new BranchMachine(name, context, whenOver, new Absent(now), Optional.empty());
  }

  /** A branch that is there and sleeps. */
  static BranchMachine suspended(
      BranchRow row, BranchContext context, Consumer<BranchMachine> whenOver) {
    var now = context.scheduler().clock().instant();
    return new BranchMachine(row.name(), context, whenOver, new Suspended(now), Optional.of(row));
  }

  /** A branch whose clone was not found when Vela started. */
  static BranchMachine missing(
      BranchRow row, RouteFailure cause, BranchContext context, Consumer<BranchMachine> whenOver) {
    return failed(row, Failed.missing(cause, now(context)), context, whenOver);
  }

  /** A branch whose instance survived an earlier Vela and could not be taken over. */
  static BranchMachine stray(
      BranchRow row, RouteFailure cause, BranchContext context, Consumer<BranchMachine> whenOver) {
    return failed(row, Failed.stray(cause, now(context)), context, whenOver);
  }

  /** A branch that was to go when Vela started and could not be removed. */
  static BranchMachine undeleted(
      BranchRow row, RouteFailure cause, BranchContext context, Consumer<BranchMachine> whenOver) {
    return failed(row, Failed.undeleted(cause, now(context)), context, whenOver);
  }

  private static BranchMachine failed(
      BranchRow row, Failed failed, BranchContext context, Consumer<BranchMachine> whenOver) {
    return new BranchMachine(row.name(), context, whenOver, failed, Optional.of(row));
  }

  private static Instant now(BranchContext context) {
    return context.scheduler().clock().instant();
  }

  /** A branch whose instance survived an earlier Vela. */
  static BranchMachine running(
      BranchRow row, Endpoint endpoint, BranchContext context, Consumer<BranchMachine> whenOver) {
    var now = context.scheduler().clock().instant();
    var machine =
        new BranchMachine(
            row.name(), context, whenOver, new Running(endpoint, now), Optional.of(row));
    machine.life.move(
        step -> {
          step.branchRoom().take(context.room().occupied());
          step.watch();
          step.tellIfIdle();
        });
    return machine;
  }

  /** The branch's name. */
  public BranchName name() {
    return name;
  }

  /** The branch at this moment. */
  public BranchStatus status() {
    return life.step(
        step ->
            new BranchStatus(
                name,
                step.state(),
                step.row(),
                step.leases().sessions(),
                step.waiters().size(),
                step.branchRoom().isAwaited(),
                step.lastTry()));
  }

  /** What the branch has of its own has changed in the catalogue. */
  void configured(long id, BranchSettings settings) {
    life.move(
        step ->
            step.row()
                .filter(row -> row.id() == id)
                .ifPresent(
                    row -> {
                      step.row(row.with(settings));
                      step.tell(listener -> listener.configured(this));
                    }));
  }

  /** What is done by hand. */
  BranchOperations byHand() {
    return operations;
  }

  /** Refuses all who wait and all who come. */
  void bar(RouteFailure reason) {
    life.move(step -> step.bar(reason));
  }

  /**
   * Asks for a lease.
   *
   * @param createFrom what to create the branch from when there is none
   * @return empty when this machine is over: ask the next of this name
   */
  Optional<CompletableFuture<BranchLease>> lease(
      BranchSession session, Optional<BaselineName> createFrom) {
    var future = new CompletableFuture<BranchLease>();
    return life.step(
        step -> {
          if (step.over()) {
            return Optional.empty();
          }
          if (step.barred().isPresent()) {
            step.refuse(future, step.barred().get());
          } else {
            arrive(step, future, session, createFrom);
          }
          return Optional.of(future);
        });
  }

  private void arrive(
      BranchLife.Step step,
      CompletableFuture<BranchLease> future,
      BranchSession session,
      Optional<BaselineName> createFrom) {
    var now = step.now();
    switch (step.state()) {
      case Running running -> step.grant(future, session, running.endpoint());
      case Creating _, Starting _, Suspending _ -> step.waiters().add(future, session);
      case Parking _ -> {
        step.waiters().add(future, session);
        step.disturb(new BranchLife.Disturbance.Arrival(session.label()));
      }
      case Suspended suspended -> {
        step.waiters().add(future, session);
        step.beginStart(suspended.start(now));
      }
      case Absent absent when createFrom.isPresent() -> {
        step.waiters().add(future, session);
        step.beginCreate(absent.create(createFrom.get(), now), BranchSettings.POLICY);
      }
      case Failed failed when now.isBefore(failed.retryAt()) -> step.refuse(future, failed.cause());
      case Failed failed when failed.mayStart() -> {
        step.waiters().add(future, session);
        step.beginStart(failed.start(now));
      }
      case Failed failed when failed.step() == Failed.Step.CREATE && createFrom.isPresent() -> {
        step.waiters().add(future, session);
        step.beginCreate(failed.create(createFrom.get(), now), BranchSettings.POLICY);
      }
      case Failed failed -> step.refuse(future, failed.cause());
      case Absent _ -> step.refuse(future, new RouteFailure.NoSuchBranch(name));
      case Deleting _, Trashed _ -> step.refuse(future, new RouteFailure.BranchDeleted(name));
    }
  }

  /** Takes a lease back. */
  void release(HeldLease lease) {
    life.move(
        step -> {
          var leases = step.leases();
          if (leases.release(lease)) {
            step.tellIfIdle();
          } else if (leases.releaseRevoked(lease)) {
            var letGo = leases.letGo();
            step.after(() -> letGo.complete(null));
          }
        });
  }

  /**
   * Creates the branch, asleep.
   *
   * @return empty when this machine is over; else completes once it is created, or fails
   */
  Optional<CompletableFuture<BranchRow>> create(BaselineName from, BranchSettings settings) {
    return life.step(
        step -> {
          if (step.over()) {
            return Optional.empty();
          }
          if (step.barred().isPresent()) {
            return Optional.of(failed(step.barred().get()));
          }
          var taken = new RouteFailure.AlreadyExists("branch", name.value());
          switch (step.state()) {
            case Absent absent -> step.beginCreate(absent.create(from, step.now()), settings);
            case Failed failed when failed.step() == Failed.Step.CREATE ->
                step.beginCreate(failed.create(from, step.now()), settings);
            case Failed _, Creating _, Suspended _, Starting _ -> {
              return Optional.of(failed(taken));
            }
            case Running _, Parking _, Suspending _, Deleting _, Trashed _ -> {
              return Optional.of(failed(taken));
            }
          }
          return Optional.of(step.creation());
        });
  }

  private static <T> CompletableFuture<T> failed(RouteFailure failure) {
    return CompletableFuture.failedFuture(new RouteException(failure));
  }

  /**
   * A branch that runs and that nobody uses.
   *
   * @param since when
   * @param epoch for {@link BranchMachine#suspendIfIdle}
   */
  public record Unused(BranchMachine machine, BranchRow row, Instant since, long epoch) {}

  /** Since when nobody uses the branch; empty when somebody does, or it does not run. */
  Optional<Unused> unused() {
    return life.step(
        step -> {
          var leases = step.leases();
          return step.state() instanceof Running && leases.isEmpty()
              ? step.row().map(row -> new Unused(this, row, leases.unusedSince(), leases.epoch()))
              : Optional.empty();
        });
  }

  /** Whether nobody has used the running branch since {@link BranchListener#idle} told of it. */
  public boolean isIdle(long sinceEpoch) {
    return life.step(step -> runningUnused(step, sinceEpoch).isPresent());
  }

  /** Begins to suspend a branch that nobody has used since; the check and the move are one step. */
  public boolean suspendIfIdle(long sinceEpoch, Reason reason) {
    return life.step(
        step -> {
          var unused = runningUnused(step, sinceEpoch);
          unused.ifPresent(
              running ->
                  step.beginStop(
                      running.suspend(step.now()), reason, new RouteFailure.ShuttingDown()));
          return unused.isPresent();
        });
  }

  /**
   * How a branch that runs is used.
   *
   * @param sessions those that hold leases
   * @param unusedSince while there are none
   * @param epoch tells whether somebody has come since
   */
  public record Use(BranchRow row, List<BranchSession> sessions, Instant unusedSince, long epoch) {
    /** Since when all of them are quiet; empty when one is not, or there are none. */
    public Optional<Instant> quietSince() {
      return BranchMachine.quietSince(sessions);
    }
  }

  /** How the branch is used; empty when it does not run, or is being parked. */
  public Optional<Use> use() {
    return life.step(
        step ->
            step.state() instanceof Running
                ? step.row().map(row -> use(row, step.leases()))
                : Optional.empty());
  }

  private static Use use(BranchRow row, Leases leases) {
    return new Use(row, leases.sessions(), leases.unusedSince(), leases.epoch());
  }

  private static Optional<Instant> quietSince(List<BranchSession> sessions) {
    var since = sessions.stream().map(session -> session.activity().quietSince()).toList();
    return since.stream().allMatch(Optional::isPresent)
        ? since.stream().flatMap(Optional::stream).max(Comparator.naturalOrder())
        : Optional.empty();
  }

  /**
   * A branch that runs and whose sessions are all quiet.
   *
   * @param since when
   */
  public record Quiet(BranchMachine machine, Use use, Instant since) {}

  /** Since when all sessions are quiet; empty when one is not, or there are none. */
  Optional<Quiet> quiet() {
    return use().flatMap(use -> use.quietSince().map(since -> new Quiet(this, use, since)));
  }

  /** Tries to put the branch to sleep under its sessions; blocks until it is decided. */
  public ParkOutcome park(ParkOrder order) throws InterruptedException {
    var outcome = new ParkAttempt(name, life, context, order).run();
    if (!(outcome instanceof ParkOutcome.Moot)) {
      context.listener().parkTried(this, order.reason(), outcome);
    }
    return outcome;
  }

  /**
   * Begins to suspend a branch and ends its sessions, if all have been quiet since then and nobody
   * has come; the check and the move are one step.
   *
   * @param told to them
   */
  public boolean disconnectIfQuiet(long sinceEpoch, Instant since, RouteFailure told) {
    return life.step(
        step -> {
          if (!(step.state() instanceof Running running)
              || step.leases().epoch() != sinceEpoch
              || quietSince(step.leases().sessions()).filter(at -> !at.isAfter(since)).isEmpty()) {
            return false;
          }
          step.beginStop(running.suspend(step.now()), Reason.IDLE, told);
          return true;
        });
  }

  private static Optional<Running> runningUnused(BranchLife.Step step, long sinceEpoch) {
    return step.state() instanceof Running running
            && step.leases().isEmpty()
            && step.leases().epoch() == sinceEpoch
        ? Optional.of(running)
        : Optional.empty();
  }
}
