package io.vela.router.catalog;

import io.vela.router.RouteException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes that nobody waits for: events and notices. What could not be written, or of which nobody
 * knows whether it was, is kept and written when the catalogue can be reached, in the order in
 * which it came; up to a bound, and for as long as this process lives. Safe for use from any
 * thread.
 */
final class Outbox implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Outbox.class);
  private static final int MOST = 10_000;
  private static final Duration BETWEEN_TRIES = Duration.ofSeconds(1);
  private static final Duration FAREWELL = Duration.ofSeconds(5);

  private final CatalogPool pool;
  private final Executor threads;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Deque<Posting> backlog = new ArrayDeque<>();
  private boolean delivering;
  private boolean closed;

  /**
   * Something to write.
   *
   * @param what it is, for the log
   * @param sql what writes it
   * @param again what writes it unless it has been written
   * @param values for either
   */
  record Posting(String what, String sql, String again, List<Object> values) {}

  Outbox(CatalogPool pool, Executor threads) {
    this.pool = pool;
    this.threads = threads;
  }

  /** Sends it. Does not block. */
  void post(Posting posting) {
    if (hasBacklog()) {
      keep(posting);
      return;
    }
    var sending = pool.send(posting.sql(), posting.values().toArray());
    var _ =
        sending
            .answer()
            .onFailure(
                _ -> {
                  sending.abandon();
                  keep(posting);
                });
  }

  private boolean hasBacklog() {
    lock.lock();
    try {
      return !backlog.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  private void keep(Posting posting) {
    lock.lock();
    try {
      if (closed || backlog.size() >= MOST) {
        lost(posting, closed ? "Vela stops" : "too much is waiting to be written");
        return;
      }
      backlog.add(posting);
      if (!delivering) {
        delivering = true;
        threads.execute(this::deliver);
      }
    } finally {
      lock.unlock();
    }
  }

  private void deliver() {
    for (var next = head(); next.isPresent(); next = head()) {
      var posting = next.get();
      try {
        pool.tryWrite(posting.again(), posting.values().toArray());
        delivered();
      } catch (CatalogPool.StatementFailed e) {
        lost(posting, String.valueOf(e.getMessage()));
        delivered();
      } catch (RouteException e) {
        if (!waited()) {
          break;
        }
      }
    }
    ended();
  }

  private Optional<Posting> head() {
    lock.lock();
    try {
      return Optional.ofNullable(backlog.peek());
    } finally {
      lock.unlock();
    }
  }

  private void delivered() {
    lock.lock();
    try {
      backlog.poll();
    } finally {
      lock.unlock();
    }
  }

  /** Whether there will be another try. */
  private boolean waited() {
    lock.lock();
    try {
      long left = BETWEEN_TRIES.toNanos();
      while (!closed && left > 0) {
        left = changed.awaitNanos(left);
      }
      return !closed;
    } catch (InterruptedException e) {
      // Only the end of Vela interrupts these threads.
      closed = true;
      return false;
    } finally {
      lock.unlock();
    }
  }

  /** Between the last look at the backlog and this something may have been added. */
  private void ended() {
    lock.lock();
    try {
      delivering = !backlog.isEmpty() && !closed;
      if (delivering) {
        threads.execute(this::deliver);
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private static void lost(Posting posting, String cause) {
    log.warn("not recorded {} detail={} cause=\"{}\"", posting.what(), posting.values(), cause);
  }

  /** Waits, for a bounded time, until what was kept is written; what then is not, the log has. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
      long left = FAREWELL.toNanos();
      while (delivering && left > 0) {
        left = changed.awaitNanos(left);
      }
      backlog.forEach(posting -> lost(posting, "Vela stops"));
      backlog.clear();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      lock.unlock();
    }
  }
}
