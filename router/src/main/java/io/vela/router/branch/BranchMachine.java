package io.vela.router.branch;

import io.vela.agent.CloneFailure;
import io.vela.agent.Endpoint;
import io.vela.agent.InstanceExit;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router.BranchSettings;
import io.vela.router.SessionRouter.SessionLabel;
import io.vela.router.branch.BranchListener.Outcome;
import io.vela.router.branch.BranchListener.Reason;
import io.vela.router.branch.BranchState.Absent;
import io.vela.router.branch.BranchState.Creating;
import io.vela.router.branch.BranchState.Deleting;
import io.vela.router.branch.BranchState.Failed;
import io.vela.router.branch.BranchState.Running;
import io.vela.router.branch.BranchState.Starting;
import io.vela.router.branch.BranchState.Suspended;
import io.vela.router.branch.BranchState.Suspending;
import io.vela.router.branch.BranchState.Trashed;
import io.vela.router.catalog.BranchRow;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sole owner of one branch's transitions ({@link BranchState} draws them).
 *
 * <p>Every decision is one step under a lock that is never held while anything waits; slow work is
 * left to {@link BranchSteps}, and futures are completed and listeners told after the lock is
 * released. So any number of arrivals cause one clone and one start, and the check that nobody
 * holds a lease and the move to Suspending cannot be parted.
 */
public final class BranchMachine {
  private static final Logger log = LoggerFactory.getLogger(BranchMachine.class);

  /** How long a name that could not be created is remembered after it may be tried again. */
  private static final Duration REMEMBERED = Duration.ofMinutes(1);

  private final BranchName name;
  private final BranchContext context;
  private final BranchSteps steps;

  /** One deletion or suspension by hand at a time; held while they work, on virtual threads. */
  private final ReentrantLock operations = new ReentrantLock(true);

  private final ReentrantLock lock = new ReentrantLock();
  private final Waiters waiters;
  private final Set<HeldLease> leases = new LinkedHashSet<>();
  private final Set<HeldLease> revoked = new LinkedHashSet<>();
  private BranchState state;
  private Optional<BranchRow> row;
  private Optional<RouteFailure> barred = Optional.empty();
  private boolean over;
  private long epoch;
  private long generation;
  private Instant askedAt;
  private boolean creating;
  private Reason stopReason = Reason.IDLE;
  private CompletableFuture<Void> changed = new CompletableFuture<>();
  private CompletableFuture<BranchRow> creation = new CompletableFuture<>();
  private CompletableFuture<Void> stop = new CompletableFuture<>();
  private CompletableFuture<Void> letGo = new CompletableFuture<>();
  private CompletableFuture<InstanceExit> exit = new CompletableFuture<>();

  private final Consumer<BranchMachine> whenOver;

  private BranchMachine(
      BranchName name,
      BranchContext context,
      Consumer<BranchMachine> whenOver,
      BranchState state,
      Optional<BranchRow> row) {
    this.whenOver = whenOver;
    this.name = name;
    this.context = context;
    this.state = state;
    this.row = row;
    this.askedAt = state.since();
    this.waiters = new Waiters(name, context, lock);
    this.steps = new BranchSteps(this, context);
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

  /** A branch that cannot be used, for a reason found when Vela started. */
  static BranchMachine missing(
      BranchRow row, RouteFailure cause, BranchContext context, Consumer<BranchMachine> whenOver) {
    var now = context.scheduler().clock().instant();
    return new BranchMachine(
        row.name(), context, whenOver, Failed.missing(cause, now), Optional.of(row));
  }

  /** A branch whose instance survived an earlier Vela. */
  static BranchMachine running(
      BranchRow row, Endpoint endpoint, BranchContext context, Consumer<BranchMachine> whenOver) {
    var now = context.scheduler().clock().instant();
    var machine =
        new BranchMachine(
            row.name(), context, whenOver, new Running(endpoint, now), Optional.of(row));
    machine.steps.watch(row, machine.generation);
    context.listener().idle(machine, machine.epoch);
    return machine;
  }

  /** The branch's name. */
  public BranchName name() {
    return name;
  }

  /** The branch at this moment. */
  public BranchStatus status() {
    return step(
        _ ->
            new BranchStatus(
                name,
                state,
                row,
                leases.stream().map(HeldLease::session).toList(),
                waiters.size()));
  }

  /**
   * Asks for a lease.
   *
   * @param createFrom what to create the branch from when there is none
   * @return empty when this machine is over: ask the next of this name
   */
  Optional<CompletableFuture<BranchLease>> lease(
      SessionLabel session, Optional<BaselineName> createFrom) {
    var future = new CompletableFuture<BranchLease>();
    return step(
        after -> {
          if (over) {
            return Optional.empty();
          }
          if (barred.isPresent()) {
            refuse(future, barred.get(), after);
            return Optional.of(future);
          }
          switch (state) {
            case Running running -> grant(future, session, running.endpoint(), after);
            case Creating _, Starting _, Suspending _ -> waiters.add(future, session);
            case Suspended suspended -> {
              waiters.add(future, session);
              beginStart(suspended.start(now()), after);
            }
            case Absent absent when createFrom.isPresent() -> {
              waiters.add(future, session);
              beginCreate(absent.create(createFrom.get(), now()), BranchSettings.POLICY, after);
            }
            case Failed failed when now().isBefore(failed.retryAt()) ->
                refuse(future, failed.cause(), after);
            case Failed failed when failed.step() == Failed.Step.START -> {
              waiters.add(future, session);
              beginStart(failed.start(now()), after);
            }
            case Failed failed
                when failed.step() == Failed.Step.CREATE && createFrom.isPresent() -> {
              waiters.add(future, session);
              beginCreate(failed.create(createFrom.get(), now()), BranchSettings.POLICY, after);
            }
            case Failed failed -> refuse(future, failed.cause(), after);
            case Absent _ -> refuse(future, new RouteFailure.NoSuchBranch(name), after);
            case Deleting _, Trashed _ ->
                refuse(future, new RouteFailure.BranchDeleted(name), after);
          }
          return Optional.of(future);
        });
  }

  /**
   * Creates the branch, asleep.
   *
   * @return empty when this machine is over; else completes once it is created, or fails
   */
  Optional<CompletableFuture<BranchRow>> create(BaselineName from, BranchSettings settings) {
    return step(
        after -> {
          if (over) {
            return Optional.empty();
          }
          if (barred.isPresent()) {
            return Optional.of(CompletableFuture.failedFuture(new RouteException(barred.get())));
          }
          if (state instanceof Absent absent) {
            beginCreate(absent.create(from, now()), settings, after);
          } else if (state instanceof Failed failed && failed.step() == Failed.Step.CREATE) {
            beginCreate(failed.create(from, now()), settings, after);
          } else {
            var taken = new RouteFailure.AlreadyExists("branch", name.value());
            return Optional.of(CompletableFuture.failedFuture(new RouteException(taken)));
          }
          return Optional.of(creation);
        });
  }

  /** Whether nobody has used the running branch since {@link BranchListener#idle} told of it. */
  public boolean isIdle(long sinceEpoch) {
    return step(_ -> state instanceof Running && leases.isEmpty() && epoch == sinceEpoch);
  }

  /** Begins to suspend a branch that nobody has used since; the check and the move are one step. */
  public boolean suspendIfIdle(long sinceEpoch) {
    return step(
        after -> {
          if (state instanceof Running running && leases.isEmpty() && epoch == sinceEpoch) {
            beginStop(running, Reason.IDLE, new RouteFailure.ShuttingDown(), after);
            return true;
          }
          return false;
        });
  }

  /**
   * Puts the branch to sleep and waits until it is.
   *
   * @param force revokes leases; without it they are a {@link RouteFailure.InUse}
   * @param told to holders of leases
   */
  void suspend(boolean force, RouteFailure told, Reason reason)
      throws RouteException, InterruptedException {
    while (true) {
      record Wait(CompletableFuture<Void> until, boolean last) {}
      var wait =
          step(
              after ->
                  switch (state) {
                    case Running _ when !force && !leases.isEmpty() ->
                        new Wait(CompletableFuture.failedFuture(inUse()), true);
                    case Running running -> {
                      beginStop(running, reason, told, after);
                      yield new Wait(stop, true);
                    }
                    case Suspending _ -> new Wait(stop, true);
                    case Creating _, Starting _ -> new Wait(changed, false);
                    case Absent _, Suspended _, Failed _, Deleting _, Trashed _ ->
                        new Wait(CompletableFuture.completedFuture(null), true);
                  });
      await(wait.until());
      if (wait.last()) {
        return;
      }
    }
  }

  /** Refuses all who wait and all who come, with this reason, and puts the branch to sleep. */
  void shutDown() throws RouteException, InterruptedException {
    var reason = new RouteFailure.ShuttingDown();
    bar(reason);
    suspend(true, reason, Reason.SHUTDOWN);
  }

  /** Refuses all who wait and all who come. */
  void bar(RouteFailure reason) {
    step(
        after -> {
          barred = Optional.of(reason);
          waiters.takeAll().forEach(waiter -> refuse(waiter.future(), reason, after));
          return true;
        });
  }

  /**
   * Deletes the branch and waits until it is gone.
   *
   * @param force ends its sessions; without it they are a {@link RouteFailure.InUse}
   */
  void delete(boolean force) throws RouteException, InterruptedException {
    operations.lockInterruptibly();
    try {
      var reason = new RouteFailure.BranchDeleted(name);
      var refusal = step(_ -> mayDelete(force));
      if (refusal.isPresent()) {
        throw refusal.get();
      }
      bar(reason);
      BranchRow condemned;
      try {
        suspend(true, reason, Reason.DELETE);
        condemned = step(_ -> row).orElseThrow(() -> noSuchBranch());
        context.work().condemn(condemned);
      } catch (RouteException | InterruptedException e) {
        step(
            _ -> {
              barred = barred.filter(bar -> !bar.equals(reason));
              return true;
            });
        throw e;
      }
      destroy(condemned);
    } finally {
      operations.unlock();
    }
  }

  private void destroy(BranchRow condemned) throws RouteException {
    step(
        after -> {
          to(
              switch (state) {
                case Suspended suspended -> suspended.delete(now());
                case Failed failed -> failed.delete(now());
                default -> throw illegal("delete");
              },
              after);
          return true;
        });
    try {
      context.work().destroy(condemned);
    } catch (RouteException e) {
      step(
          after -> {
            to(((Deleting) state).failed(e.failure(), now()), after);
            return true;
          });
      throw e;
    }
    step(
        after -> {
          to(((Deleting) state).trashed(now()), after);
          end(after);
          return true;
        });
  }

  private Optional<RouteException> mayDelete(boolean force) {
    boolean nothingThere =
        switch (state) {
          case Absent _, Trashed _ -> true;
          case Failed failed -> failed.step() == Failed.Step.CREATE;
          default -> false;
        };
    if (nothingThere) {
      return Optional.of(noSuchBranch());
    }
    return force || (leases.isEmpty() && waiters.isEmpty())
        ? Optional.empty()
        : Optional.of(inUse());
  }

  // What the steps tell.

  void created(BranchRow made) {
    step(
        after -> {
          if (!(state instanceof Creating from)) {
            throw illegal("created");
          }
          var asleep = from.created(now());
          row = Optional.of(made);
          to(asleep, after);
          var done = creation;
          after.add(() -> done.complete(made));
          log.info(
              "branch created branch={} clone={} snapshot={} millis={}",
              name,
              made.cloneId(),
              made.snapshot(),
              Duration.between(from.since(), now()).toMillis());
          if (!waiters.isEmpty()) {
            creating = true;
            beginStart(asleep.start(now()), after);
          }
          return true;
        });
  }

  void createFailed(RouteFailure cause) {
    step(
        after -> {
          if (!(state instanceof Creating from)) {
            throw illegal("createFailed");
          }
          var failed = from.failed(cause, now());
          var done = creation;
          after.add(() -> done.completeExceptionally(new RouteException(cause)));
          fail(failed, after);
          var pause = Duration.between(now(), failed.retryAt()).plus(REMEMBERED);
          after.add(() -> context.scheduler().after(pause, () -> forget(failed)));
          return true;
        });
  }

  private void forget(Failed failed) {
    step(
        after -> {
          if (state.equals(failed)) {
            to(failed.forget(now()), after);
            end(after);
          }
          return true;
        });
  }

  void started(Endpoint endpoint) {
    step(
        after -> {
          if (!(state instanceof Starting from)) {
            throw illegal("started");
          }
          var clone = row.orElseThrow();
          to(from.started(endpoint, now()), after);
          exit = new CompletableFuture<>();
          long started = ++generation;
          epoch++;
          after.add(() -> steps.watch(clone, started));
          var took = Duration.between(askedAt, now());
          boolean createdFirst = creating;
          after.add(() -> context.listener().woke(this, createdFirst, took));
          log.info(
              "branch started branch={} clone={} waiting={} millis={}",
              name,
              clone.cloneId(),
              waiters.size(),
              Duration.between(from.since(), now()).toMillis());
          waiters
              .takeAll()
              .forEach(waiter -> grant(waiter.future(), waiter.session(), endpoint, after));
          tellIfIdle(after);
          return true;
        });
  }

  void startFailed(RouteFailure cause) {
    step(
        after -> {
          if (!(state instanceof Starting from)) {
            throw illegal("startFailed");
          }
          fail(from.failed(cause, now()), after);
          return true;
        });
  }

  private void fail(Failed failed, List<Runnable> after) {
    log.warn(
        "branch failed branch={} clone={} step={} failures={} retry-at={} cause=\"{}\"",
        name,
        row.map(known -> known.cloneId().value()).orElse("-"),
        failed.step(),
        failed.failures(),
        failed.retryAt(),
        failed.cause().message());
    to(failed, after);
    after.add(() -> context.listener().wakeFailed(this, failed.step(), failed.cause()));
    waiters.takeAll().forEach(waiter -> refuse(waiter.future(), failed.cause(), after));
  }

  void stopLate(CloneFailure failure) {
    step(
        after -> {
          if (!(state instanceof Suspending from)) {
            throw illegal("stopLate");
          }
          log.warn(
              "branch not stopped in time branch={} clone={} reason={} cause=\"{}\"",
              name,
              row.orElseThrow().cloneId(),
              stopReason,
              failure.message());
          if (from.trouble().isEmpty()) {
            var outcome =
                failure instanceof CloneFailure.StopTimedOut ? Outcome.TIMEOUT : Outcome.FAILED;
            var reason = stopReason;
            after.add(() -> context.listener().suspended(this, reason, outcome));
          }
          state = from.late(failure.message());
          var told =
              new RouteFailure.AgentFailed("branch \"" + name + "\" could not be stopped", failure);
          var late = stop;
          after.add(() -> late.completeExceptionally(new RouteException(told)));
          return true;
        });
  }

  void stopped() {
    step(
        after -> {
          if (!(state instanceof Suspending from)) {
            throw illegal("stopped");
          }
          var asleep = from.stopped(now());
          log.info(
              "branch suspended branch={} clone={} reason={} millis={}",
              name,
              row.orElseThrow().cloneId(),
              stopReason,
              Duration.between(from.since(), now()).toMillis());
          to(asleep, after);
          revoked.clear();
          var done = stop;
          after.add(() -> done.complete(null));
          if (from.trouble().isEmpty()) {
            var reason = stopReason;
            after.add(() -> context.listener().suspended(this, reason, Outcome.OK));
          }
          if (!waiters.isEmpty()) {
            beginStart(asleep.start(now()), after);
          }
          return true;
        });
  }

  /**
   * @param of which start's instance has ended: a late word about an earlier one changes nothing
   */
  void exited(long of, InstanceExit how) {
    step(
        after -> {
          if (of != generation) {
            return false;
          }
          var told = exit;
          after.add(() -> told.complete(how));
          if (state instanceof Running running) {
            log.warn(
                "branch instance ended by itself branch={} clone={} sessions={} log-tail=\"{}\"",
                name,
                how.id(),
                leases.size(),
                how.logTail());
            to(running.exited(now()), after);
            leases.clear();
            epoch++;
            after.add(() -> context.listener().suspended(this, Reason.EXIT, Outcome.FAILED));
          }
          return true;
        });
  }

  void release(HeldLease lease) {
    step(
        after -> {
          if (leases.remove(lease)) {
            tellIfIdle(after);
          } else if (revoked.remove(lease) && revoked.isEmpty()) {
            var all = letGo;
            after.add(() -> all.complete(null));
          }
          return true;
        });
  }

  // Parts of a step, under the lock.

  private void beginCreate(Creating next, BranchSettings settings, List<Runnable> after) {
    creation = new CompletableFuture<>();
    askedAt = next.since();
    to(next, after);
    after.add(() -> steps.create(next.from(), settings));
  }

  private void beginStart(Starting next, List<Runnable> after) {
    if (!creating) {
      askedAt = next.since();
    }
    var clone = row.orElseThrow();
    to(next, after);
    after.add(() -> steps.start(clone));
  }

  private void beginStop(Running running, Reason reason, RouteFailure told, List<Runnable> after) {
    to(running.suspend(now()), after);
    stopReason = reason;
    stop = new CompletableFuture<>();
    letGo = new CompletableFuture<>();
    var holders = List.copyOf(leases);
    leases.clear();
    revoked.addAll(holders);
    var clone = row.orElseThrow();
    var all = letGo;
    var ended = exit;
    if (holders.isEmpty()) {
      all.complete(null);
    }
    holders.forEach(lease -> after.add(() -> lease.revoke(told)));
    after.add(() -> steps.stop(clone, all, ended));
  }

  private void grant(
      CompletableFuture<BranchLease> future,
      SessionLabel session,
      Endpoint endpoint,
      List<Runnable> after) {
    var lease = new HeldLease(this, session, endpoint, exit.minimalCompletionStage());
    leases.add(lease);
    epoch++;
    after.add(
        () -> {
          if (!future.complete(lease)) {
            lease.close();
          }
        });
  }

  private void tellIfIdle(List<Runnable> after) {
    if (state instanceof Running && leases.isEmpty()) {
      long idleEpoch = epoch;
      after.add(() -> context.listener().idle(this, idleEpoch));
    }
  }

  private void to(BranchState next, List<Runnable> after) {
    state = next;
    if (!(next instanceof Starting)) {
      creating = false;
    }
    var done = changed;
    changed = new CompletableFuture<>();
    after.add(() -> done.complete(null));
  }

  private void end(List<Runnable> after) {
    over = true;
    after.add(() -> whenOver.accept(this));
    after.add(() -> context.listener().gone(this));
  }

  private static void refuse(
      CompletableFuture<BranchLease> future, RouteFailure reason, List<Runnable> after) {
    after.add(() -> future.completeExceptionally(new RouteException(reason)));
  }

  private RouteException inUse() {
    var users = new ArrayList<>(leases.stream().map(l -> l.session().description()).toList());
    if (!waiters.isEmpty()) {
      users.add(waiters.size() + " waiting for it to run");
    }
    return new RouteException(
        new RouteFailure.InUse("branch \"" + name + "\" is in use", List.copyOf(users)));
  }

  private RouteException noSuchBranch() {
    return new RouteException(new RouteFailure.NoSuchBranch(name));
  }

  private IllegalStateException illegal(String move) {
    return new IllegalStateException("branch " + name + " is " + state.label() + ": no " + move);
  }

  private Instant now() {
    return context.scheduler().clock().instant();
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

  /** Decides under the lock; does what is to be done after it without. */
  private <T> T step(Function<List<Runnable>, T> decision) {
    var after = new ArrayList<Runnable>();
    T result;
    lock.lock();
    try {
      result = decision.apply(after);
    } finally {
      lock.unlock();
    }
    after.forEach(Runnable::run);
    return result;
  }
}
