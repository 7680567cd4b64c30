package io.vela.router.branch;

import java.time.Instant;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * How many clones and starts may be at work at once for those who wait for them: given in the order
 * in which they began to ask, and changeable while they are held.
 *
 * <p>Work that nobody waits for (the refilling of warm clones) takes no permit, so that nobody ever
 * waits for it; it asks {@link #areAmple} before it begins.
 */
public final class StartPermits {
  private final ReentrantLock lock = new ReentrantLock();
  private final PriorityQueue<Waiter> queue =
      new PriorityQueue<>(Comparator.comparing(Waiter::askedAt).thenComparingLong(Waiter::number));
  private int size;
  private int held;
  private long number;

  public StartPermits(int size) {
    this.size = size;
  }

  private record Waiter(Instant askedAt, long number, Condition turn) {}

  /**
   * Waits for a permit.
   *
   * @param askedAt since when: the earlier goes first
   */
  public void acquire(Instant askedAt) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      var self = new Waiter(askedAt, number++, lock.newCondition());
      queue.add(self);
      try {
        while (held >= size || !self.equals(queue.peek())) {
          self.turn().await();
        }
      } catch (InterruptedException e) {
        queue.remove(self);
        wakeFirst();
        throw e;
      }
      queue.remove(self);
      held++;
      wakeFirst();
    } finally {
      lock.unlock();
    }
  }

  /** Gives one back. */
  public void release() {
    lock.lock();
    try {
      held--;
      wakeFirst();
    } finally {
      lock.unlock();
    }
  }

  /** From now on so many. What is at work goes on; more than so many may be until they end. */
  public void resize(int to) {
    lock.lock();
    try {
      size = to;
      wakeFirst();
    } finally {
      lock.unlock();
    }
  }

  /** Whether nobody waits and less than a quarter is held. */
  public boolean areAmple() {
    lock.lock();
    try {
      return queue.isEmpty() && (held == 0 || held * 4 < size);
    } finally {
      lock.unlock();
    }
  }

  /** How many wait for one. */
  int waiting() {
    lock.lock();
    try {
      return queue.size();
    } finally {
      lock.unlock();
    }
  }

  private void wakeFirst() {
    var first = queue.peek();
    if (first != null && held < size) {
      first.turn().signal();
    }
  }
}
