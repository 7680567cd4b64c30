package io.vela.router.branch;

import io.vela.agent.Endpoint;
import io.vela.agent.StopMode;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.BranchSession;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router.BranchSettings;
import io.vela.router.branch.BranchListener.Reason;
import io.vela.router.catalog.BranchRow;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** All machines by name. Safe for use from any thread. */
public final class Branches {
  private static final Logger log = LoggerFactory.getLogger(Branches.class);

  private final ConcurrentMap<BranchName, BranchMachine> machines = new ConcurrentHashMap<>();
  private final BranchContext context;
  private volatile boolean closed;

  /** All machines share the context. */
  public Branches(BranchContext context) {
    this.context = context;
  }

  /** A branch of the catalogue whose clone is there. */
  public void addSuspended(BranchRow row) {
    machines.put(row.name(), BranchMachine.suspended(row, context, this::forget));
  }

  /** A branch of the catalogue whose clone is not there. */
  public void addMissing(BranchRow row, RouteFailure cause) {
    machines.put(row.name(), BranchMachine.missing(row, cause, context, this::forget));
  }

  /** A branch of the catalogue whose instance could be neither taken over nor ended. */
  public void addStray(BranchRow row, RouteFailure cause) {
    machines.put(row.name(), BranchMachine.stray(row, cause, context, this::forget));
  }

  /** A branch of the catalogue that was to go and could not be removed. */
  public void addUndeleted(BranchRow row, RouteFailure cause) {
    machines.put(row.name(), BranchMachine.undeleted(row, cause, context, this::forget));
  }

  /** A branch of the catalogue whose instance runs. */
  public void addRunning(BranchRow row, Endpoint endpoint) {
    machines.put(row.name(), BranchMachine.running(row, endpoint, context, this::forget));
  }

  private void forget(BranchMachine machine) {
    machines.remove(machine.name(), machine);
  }

  /** All that is known, whatever its state. */
  public List<BranchStatus> all() {
    return machines.values().stream().map(BranchMachine::status).toList();
  }

  /** Those that run and that nobody uses, the longest unused first. */
  public List<BranchMachine.Unused> unused() {
    return machines.values().stream()
        .flatMap(machine -> machine.unused().stream())
        .sorted(Comparator.comparing(BranchMachine.Unused::since))
        .toList();
  }

  /** Those that run and whose sessions are all quiet, the longest quiet first. */
  public List<BranchMachine.Quiet> quiet() {
    return machines.values().stream()
        .flatMap(machine -> machine.quiet().stream())
        .sorted(Comparator.comparing(BranchMachine.Quiet::since))
        .toList();
  }

  /** What is known under a name, whatever its state. */
  public Optional<BranchStatus> find(BranchName name) {
    return Optional.ofNullable(machines.get(name)).map(BranchMachine::status);
  }

  /**
   * See {@link io.vela.router.SessionRouter#lease}.
   *
   * @param createFrom what to create the branch from when it is absent
   */
  public CompletableFuture<BranchLease> lease(
      BranchName name, Optional<BaselineName> createFrom, BranchSession session) {
    while (true) {
      if (closed) {
        return CompletableFuture.failedFuture(shuttingDown());
      }
      var known = Optional.ofNullable(machines.get(name));
      if (known.isEmpty() && createFrom.isEmpty()) {
        return CompletableFuture.failedFuture(noSuchBranch(name));
      }
      var machine = known.orElseGet(() -> add(name));
      var lease = machine.lease(session, createFrom);
      if (lease.isPresent()) {
        return lease.get();
      }
      forget(machine);
    }
  }

  /** Creates a branch, asleep; the future fails with {@link RouteException} only. */
  public CompletableFuture<BranchRow> create(
      BranchName name, BaselineName from, BranchSettings settings) {
    while (true) {
      if (closed) {
        return CompletableFuture.failedFuture(shuttingDown());
      }
      var machine = add(name);
      var creation = machine.create(from, settings);
      if (creation.isPresent()) {
        return creation.get();
      }
      forget(machine);
    }
  }

  /** Puts a branch to sleep and waits until it is. */
  public void suspend(BranchName name, boolean force) throws RouteException, InterruptedException {
    existing(name).byHand().suspend(force, Reason.REQUESTED);
  }

  /**
   * Puts a branch to sleep and waits until it is, so that it can begin anew.
   *
   * @param patience how long sessions that are at work may take to end what they do
   */
  public void stopToRestart(BranchName name, boolean force, Duration patience)
      throws RouteException, InterruptedException {
    existing(name).byHand().stopToRestart(force, patience);
  }

  /** What a branch has of its own has changed in the catalogue. */
  public void configured(BranchRow row, BranchSettings settings) {
    Optional.ofNullable(machines.get(row.name()))
        .ifPresent(machine -> machine.configured(row.id(), settings));
  }

  /** See {@link io.vela.router.Router#delete}. */
  public Optional<StopMode> delete(BranchName name, boolean force)
      throws RouteException, InterruptedException {
    return existing(name).byHand().delete(force);
  }

  /**
   * Refuses all who come and who wait, revokes all leases and stops every instance.
   *
   * @param bound how long to wait for that
   * @return how many branches had not stopped by then
   */
  public long close(Duration bound) throws InterruptedException {
    closed = true;
    var all = List.copyOf(machines.values());
    // All before the first stops: its room is for nobody any more.
    all.forEach(machine -> machine.bar(new RouteFailure.ShuttingDown()));
    var done = new CountDownLatch(all.size());
    for (var machine : all) {
      context
          .threads()
          .execute(
              () -> {
                try {
                  machine.byHand().shutDown();
                  done.countDown();
                } catch (RouteException e) {
                  // The machine has logged it; the latch stays up and close() reports the sum.
                  log.debug("branch not shut down branch={}", machine.name(), e);
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              });
    }
    done.await(bound.toNanos(), TimeUnit.NANOSECONDS);
    return done.getCount();
  }

  /** Creates a machine once, however many ask at the same time. */
  private BranchMachine add(BranchName name) {
    var machine =
        machines.computeIfAbsent(name, n -> BranchMachine.absent(n, context, this::forget));
    if (closed) {
      machine.bar(new RouteFailure.ShuttingDown());
    }
    return machine;
  }

  private BranchMachine existing(BranchName name) throws RouteException {
    var machine = machines.get(name);
    if (machine == null) {
      throw noSuchBranch(name);
    }
    return machine;
  }

  private static RouteException noSuchBranch(BranchName name) {
    return new RouteException(new RouteFailure.NoSuchBranch(name));
  }

  private static RouteException shuttingDown() {
    return new RouteException(new RouteFailure.ShuttingDown());
  }
}
