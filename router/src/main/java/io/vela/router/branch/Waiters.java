package io.vela.router.branch;

import io.vela.config.value.BranchName;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.SessionRouter.SessionLabel;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Lock;

/**
 * Arrivals that wait for a branch to run, each for its own time. One that gives up, or whose time
 * is over, is forgotten. Guarded by its machine's lock.
 */
final class Waiters {
  private final BranchName branch;
  private final BranchContext context;
  private final Lock lock;
  private final Set<Waiter> waiting = new LinkedHashSet<>();

  Waiters(BranchName branch, BranchContext context, Lock lock) {
    this.branch = branch;
    this.context = context;
    this.lock = lock;
  }

  /**
   * @param future completed with a lease, or by its owner's cancelling
   */
  record Waiter(CompletableFuture<BranchLease> future, SessionLabel session) {}

  void add(CompletableFuture<BranchLease> future, SessionLabel session) {
    var waiter = new Waiter(future, session);
    waiting.add(waiter);
    var timeout = context.wakeTimeout().get();
    var late = new RouteException(new RouteFailure.WakeTimedOut(branch, timeout));
    var alarm =
        context
            .scheduler()
            .after(
                timeout, () -> context.threads().execute(() -> future.completeExceptionally(late)));
    var _ =
        future.whenComplete(
            (_, failure) -> {
              alarm.cancel();
              if (failure != null) {
                forget(waiter);
              }
            });
  }

  private void forget(Waiter waiter) {
    lock.lock();
    try {
      waiting.remove(waiter);
    } finally {
      lock.unlock();
    }
  }

  /** Takes all out, to be completed by the caller outside of the lock. */
  List<Waiter> takeAll() {
    var all = new ArrayList<>(waiting);
    waiting.clear();
    return all;
  }

  boolean isEmpty() {
    return waiting.isEmpty();
  }

  int size() {
    return waiting.size();
  }
}
