package io.vela.router;

import io.vela.config.value.BranchName;
import io.vela.router.branch.Scheduler;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Changes to a branch of which nobody knows whether they reached the catalogue, since it could not
 * be reached for too long. Whoever asked was told that they failed, so they are undone: by the next
 * who wants something of the name, before he gets it, or as soon as the catalogue is back. What
 * Vela's end leaves is put right at its next start. Safe for use from any thread.
 */
final class UnconfirmedChanges {
  private static final Logger log = LoggerFactory.getLogger(UnconfirmedChanges.class);
  private static final Duration BETWEEN_TRIES = Duration.ofSeconds(2);

  private final Scheduler scheduler;
  private final Executor threads;
  private final ConcurrentMap<BranchName, OfOne> all = new ConcurrentHashMap<>();

  /**
   * @param threads a virtual thread a task
   */
  UnconfirmedChanges(Scheduler scheduler, Executor threads) {
    this.scheduler = scheduler;
    this.threads = threads;
  }

  /** Puts a change right. Twice is as once; blocks. */
  @FunctionalInterface
  interface Undoing {
    void run() throws RouteException;
  }

  private record Change(String what, Undoing undoing) {}

  /** The unconfirmed about one name, the oldest first. */
  private static final class OfOne {
    private final ReentrantLock lock = new ReentrantLock();
    private final Deque<Change> unconfirmed = new ArrayDeque<>();
  }

  /**
   * Adds one. Does not block for long: it is settled later.
   *
   * @param what is in doubt, for the log
   */
  void add(BranchName name, String what, Undoing undoing) {
    log.warn("outcome not known, to be undone branch={} what={}", name, what);
    all.compute(
        name,
        (_, known) -> {
          var ofOne = known == null ? new OfOne() : known;
          synchronized (ofOne.unconfirmed) {
            ofOne.unconfirmed.add(new Change(what, undoing));
          }
          return ofOne;
        });
    later(name);
  }

  private void later(BranchName name) {
    scheduler.after(BETWEEN_TRIES, () -> threads.execute(() -> retry(name)));
  }

  private void retry(BranchName name) {
    try {
      settle(name);
    } catch (RouteException e) {
      later(name);
    }
  }

  /**
   * Settles what is in doubt about a name; nothing, almost always.
   *
   * @throws RouteException when that cannot be done now
   */
  void settle(BranchName name) throws RouteException {
    var ofOne = all.get(name);
    if (ofOne == null) {
      return;
    }
    ofOne.lock.lock();
    try {
      while (true) {
        Change change;
        synchronized (ofOne.unconfirmed) {
          change = ofOne.unconfirmed.peek();
        }
        if (change == null) {
          break;
        }
        change.undoing().run();
        log.info("outcome settled branch={} what={}", name, change.what());
        synchronized (ofOne.unconfirmed) {
          ofOne.unconfirmed.poll();
        }
      }
    } finally {
      ofOne.lock.unlock();
    }
    forget(name);
  }

  private void forget(BranchName name) {
    all.computeIfPresent(
        name,
        (_, ofOne) -> {
          synchronized (ofOne.unconfirmed) {
            return ofOne.unconfirmed.isEmpty() ? null : ofOne;
          }
        });
  }
}
