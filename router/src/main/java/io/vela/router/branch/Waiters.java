package io.vela.router.branch;

import io.vela.router.BranchSession;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Lock;
import java.util.function.Supplier;

/**
 * Arrivals that wait for a branch to run, each for its own time. One that gives up, or whose time
 * is over, is forgotten. Guarded by its machine's lock.
 */
final class Waiters {
  private final BranchContext context;
  private final Lock lock;
  private final Supplier<RouteFailure> late;
  private final Runnable whenForgotten;
  private final Set<Waiter> waiting = new LinkedHashSet<>();

  /**
   * @param late what one is told whose time is over; asked without the lock
   * @param whenForgotten called without the lock when one has given up
   */
  Waiters(BranchContext context, Lock lock, Supplier<RouteFailure> late, Runnable whenForgotten) {
    this.context = context;
    this.lock = lock;
    this.late = late;
    this.whenForgotten = whenForgotten;
  }

  /**
   * @param future completed with a lease, or by its owner's cancelling
   */
  record Waiter(CompletableFuture<BranchLease> future, BranchSession session) {}

  void add(CompletableFuture<BranchLease> future, BranchSession session) {
    var waiter = new Waiter(future, session);
    waiting.add(waiter);
    var timeout = context.wakeTimeout().get();
    var alarm =
        context
            .scheduler()
            .after(
                timeout,
                () ->
                    context
                        .threads()
                        .execute(
                            () -> future.completeExceptionally(new RouteException(late.get()))));
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
    whenForgotten.run();
  }

  /** Takes all out, to be completed by the caller outside of the lock. */
  List<Waiter> takeAll() {
    var all = new ArrayList<>(waiting);
    waiting.clear();
    return all;
  }

  /** Who has waited for longest. */
  Optional<BranchSession> first() {
    return waiting.stream().map(Waiter::session).findFirst();
  }

  boolean isEmpty() {
    return waiting.isEmpty();
  }

  int size() {
    return waiting.size();
  }
}
