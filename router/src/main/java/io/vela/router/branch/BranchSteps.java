package io.vela.router.branch;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure;
import io.vela.agent.InstanceExit;
import io.vela.agent.StopMode;
import io.vela.config.value.BranchName;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router.BranchSettings;
import io.vela.router.branch.BranchListener.Reason;
import io.vela.router.branch.BranchState.Creating;
import io.vela.router.catalog.BranchRow;
import io.vela.router.room.Ticket;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The slow parts of a branch's moves, each on a virtual thread of its own; each ends by telling
 * {@link BranchProgress} how it went, whatever happens.
 */
final class BranchSteps {
  private static final Logger log = LoggerFactory.getLogger(BranchSteps.class);
  private static final Duration BETWEEN_STOPS = Duration.ofSeconds(15);

  private final BranchName name;
  private final BranchProgress progress;
  private final BranchContext context;

  BranchSteps(BranchName name, BranchProgress progress, BranchContext context) {
    this.name = name;
    this.progress = progress;
    this.context = context;
  }

  void create(Creating what, BranchSettings settings) {
    context.threads().execute(() -> createNow(what, settings));
  }

  private void createNow(Creating what, BranchSettings settings) {
    try {
      var warm = context.work().handOut(name, what.from(), settings);
      if (warm.isPresent()) {
        progress.handedOut(warm.get());
        return;
      }
      BranchRow row;
      context.starts().acquire(what.since());
      try {
        row = context.work().create(name, what.from(), settings);
      } finally {
        context.starts().release();
      }
      progress.created(row);
    } catch (RouteException e) {
      progress.createFailed(e.failure());
    } catch (InterruptedException e) {
      progress.createFailed(new RouteFailure.ShuttingDown());
    } catch (RuntimeException e) {
      log.error("branch not created branch={}", name, e);
      progress.createFailed(failed("created", unexpected(e)));
    }
  }

  /**
   * @param askedAt since when the branch is asked for
   * @param room for its instance
   */
  void start(BranchRow row, Instant askedAt, Ticket room) {
    context.threads().execute(() -> startNow(row, askedAt, room));
  }

  private void startNow(BranchRow row, Instant askedAt, Ticket room) {
    try {
      progress.admitted(room.await());
      context.starts().acquire(askedAt);
      var held = new AtomicBoolean(true);
      Runnable release =
          () -> {
            if (held.getAndSet(false)) {
              context.starts().release();
            }
          };
      // A start that recovers for minutes, or hangs, is not what permits are for.
      var alarm = context.scheduler().after(context.wakeTimeout().get(), release);
      try {
        progress.started(context.work().start(row));
      } finally {
        alarm.cancel();
        release.run();
      }
    } catch (Ticket.WithdrawnException e) {
      progress.withdrawn();
    } catch (CloneException e) {
      progress.startFailed(failed("started", e.failure()));
    } catch (InterruptedException e) {
      progress.startFailed(new RouteFailure.ShuttingDown());
    } catch (RuntimeException e) {
      log.error("branch not started branch={} clone={}", row.name(), row.cloneId(), e);
      progress.startFailed(failed("started", unexpected(e)));
    }
  }

  /**
   * Tells when the instance that now runs has ended.
   *
   * @param generation told with it
   */
  void watch(BranchRow row, long generation) {
    var _ =
        context
            .work()
            .exit(row)
            .thenAcceptAsync(exit -> progress.exited(generation, exit), context.threads());
  }

  /**
   * Stops the instance once the holders of revoked leases have let go, or had the time to.
   *
   * @param reason that of a deletion lets it be killed
   * @param exit of the instance: when it ends by itself there is nothing left to wait for
   */
  void stop(
      BranchRow row,
      Reason reason,
      CompletableFuture<Void> letGo,
      CompletableFuture<InstanceExit> exit) {
    context.threads().execute(() -> stopNow(row, reason, letGo, exit));
  }

  private void stopNow(
      BranchRow row,
      Reason reason,
      CompletableFuture<Void> letGo,
      CompletableFuture<InstanceExit> exit) {
    try {
      await(letGo, context.lettingGo());
      while (true) {
        try {
          if (reason == Reason.DELETE) {
            stopToDelete(row);
          } else {
            context.work().stop(row);
          }
          break;
        } catch (CloneException e) {
          progress.stopLate(e.failure());
          if (!(e.failure() instanceof CloneFailure.StopTimedOut) && await(exit, BETWEEN_STOPS)) {
            break;
          }
        } catch (RuntimeException e) {
          log.error("branch not stopped branch={} clone={}", row.name(), row.cloneId(), e);
          progress.stopLate(unexpected(e));
          if (await(exit, BETWEEN_STOPS)) {
            break;
          }
        }
      }
      progress.stopped();
    } catch (InterruptedException e) {
      progress.stopLate(new CloneFailure.StorageFailed("stopping was interrupted", ""));
    }
  }

  /** Stops the instance of a branch that is to be deleted, whatever it takes. Blocks. */
  void stopToDelete(BranchRow row) throws CloneException {
    var mode = context.work().stopToDelete(row, progress::stopSlow);
    if (mode != StopMode.FAST) {
      log.warn(
          "instance ended by force branch={} clone={} mode={}", row.name(), row.cloneId(), mode);
      progress.forced(mode);
    }
  }

  private static boolean await(CompletableFuture<?> future, Duration bound)
      throws InterruptedException {
    try {
      future.get(bound.toNanos(), TimeUnit.NANOSECONDS);
      return true;
    } catch (ExecutionException e) {
      return true;
    } catch (TimeoutException e) {
      return false;
    }
  }

  private RouteFailure failed(String what, CloneFailure cause) {
    return new RouteFailure.AgentFailed(
        "branch \"%s\" could not be %s".formatted(name, what), cause);
  }

  private static CloneFailure unexpected(RuntimeException e) {
    return new CloneFailure.StorageFailed("unexpected: " + e, "");
  }
}
