package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the server of a {@link LocalCluster} running: when it ends and nobody asked it to, it is
 * started again, at once and, while that fails, after pauses that double up to {@link
 * #LONGEST_PAUSE}. Safe for use from any thread.
 */
public final class ClusterSupervisor {
  private static final Logger log = LoggerFactory.getLogger(ClusterSupervisor.class);
  private static final Duration SHORTEST_PAUSE = Duration.ofMillis(250);

  /** Between two tries to start a server that does not start. */
  static final Duration LONGEST_PAUSE = Duration.ofSeconds(15);

  private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(5);

  /** A server that lived for so long had started well, so that the next start comes at once. */
  private static final Duration SETTLED = Duration.ofSeconds(10);

  private final String name;
  private final Callable<LocalCluster> opening;
  private final Duration stopTimeout;
  private final Executor threads;
  private final AtomicLong restarts = new AtomicLong();

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private Optional<LocalCluster> running;
  private Optional<String> trouble = Optional.empty();
  private Optional<Thread> restarting = Optional.empty();
  private boolean closed;

  private ClusterSupervisor(
      String name,
      LocalCluster first,
      Callable<LocalCluster> opening,
      Duration stopTimeout,
      Executor threads) {
    this.name = name;
    this.running = Optional.of(first);
    this.opening = opening;
    this.stopTimeout = stopTimeout;
    this.threads = threads;
  }

  /**
   * Begins to watch.
   *
   * @param name of the cluster, in the log
   * @param first what runs now; stopped by {@link #stop}
   * @param opening opens the same cluster again; blocks
   * @param stopTimeout how long a clean stop may take
   * @param threads a virtual thread a task
   */
  public static ClusterSupervisor watch(
      String name,
      LocalCluster first,
      Callable<LocalCluster> opening,
      Duration stopTimeout,
      Executor threads) {
    var supervisor = new ClusterSupervisor(name, first, opening, stopTimeout, threads);
    supervisor.follow(first, Duration.ZERO);
    return supervisor;
  }

  /** Why the server does not run; empty while it does. */
  public Optional<String> trouble() {
    lock.lock();
    try {
      return trouble;
    } finally {
      lock.unlock();
    }
  }

  /** How often it was started again. */
  public long restarts() {
    return restarts.get();
  }

  private void follow(LocalCluster cluster, Duration lastPause) {
    long since = System.nanoTime();
    threads.execute(() -> endWhenStuck(cluster));
    var _ =
        cluster
            .ended()
            .thenAcceptAsync(
                ended -> {
                  if (down(ended.logTail())) {
                    var lived = Duration.ofNanos(System.nanoTime() - since);
                    restart(lived.compareTo(SETTLED) > 0 ? Duration.ZERO : lastPause);
                  }
                },
                threads);
  }

  /** A server that hangs in its recovery has not ended, and serves nobody either. */
  private void endWhenStuck(LocalCluster cluster) {
    try {
      while (!closedWithin(BETWEEN_LOOKS) && !cluster.ended().toCompletableFuture().isDone()) {
        if (cluster.endIfStuck(stopTimeout)) {
          log.warn("cluster ended cluster={} cause=\"its recovery was stuck\"", name);
          return;
        }
      }
    } catch (CloneException e) {
      log.error(
          "cluster stuck in recovery, not ended cluster={} cause=\"{}\"",
          name,
          e.failure().message());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private boolean down(String logTail) {
    lock.lock();
    try {
      if (closed) {
        return false;
      }
      running = Optional.empty();
      trouble = Optional.of("its server has ended and is being started again");
      log.warn("cluster ended by itself cluster={} log-tail=\"{}\"", name, logTail);
      return true;
    } finally {
      lock.unlock();
    }
  }

  private void restart(Duration firstPause) {
    var pause = firstPause;
    if (!begin()) {
      return;
    }
    try {
      while (!closedWithin(pause)) {
        pause = next(pause);
        try {
          var cluster = opening.call();
          if (up(cluster)) {
            log.info("cluster started again cluster={} restarts={}", name, restarts.get());
            follow(cluster, pause);
          }
          return;
        } catch (CloneException e) {
          failed(pause, e.failure().message() + "\n" + e.failure().detail());
        } catch (InterruptedException e) {
          throw e;
        } catch (Exception e) {
          failed(pause, e.toString());
        }
      }
    } catch (InterruptedException e) {
      log.debug("cluster not started again cluster={} cause=interrupted", name);
    } finally {
      end();
    }
  }

  private boolean begin() {
    lock.lock();
    try {
      if (closed) {
        return false;
      }
      restarting = Optional.of(Thread.currentThread());
      return true;
    } finally {
      lock.unlock();
    }
  }

  private void end() {
    lock.lock();
    try {
      restarting = Optional.empty();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private static Duration next(Duration pause) {
    var longer = pause.isZero() ? SHORTEST_PAUSE : pause.multipliedBy(2);
    return longer.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : longer;
  }

  private boolean closedWithin(Duration pause) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      long left = pause.toNanos();
      while (!closed && left > 0) {
        left = changed.awaitNanos(left);
      }
      return closed;
    } finally {
      lock.unlock();
    }
  }

  private void failed(Duration pause, String cause) {
    lock.lock();
    try {
      trouble = Optional.of("its server has ended and does not start");
    } finally {
      lock.unlock();
    }
    log.warn(
        "cluster does not start cluster={} next-try-in={} ms cause=\"{}\"",
        name,
        pause.toMillis(),
        cause);
  }

  /** Whether it is kept: not when it was to be stopped meanwhile. */
  private boolean up(LocalCluster cluster) throws CloneException {
    lock.lock();
    try {
      if (!closed) {
        running = Optional.of(cluster);
        trouble = Optional.empty();
        restarts.incrementAndGet();
        return true;
      }
    } finally {
      lock.unlock();
    }
    cluster.stop(stopTimeout);
    return false;
  }

  /** Stops the server cleanly, and starts it no more. */
  public void stop() throws CloneException, InterruptedException {
    Optional<LocalCluster> last;
    lock.lock();
    try {
      closed = true;
      last = running;
      running = Optional.empty();
      changed.signalAll();
      // A start under way is given up, which ends what it started.
      restarting.ifPresent(Thread::interrupt);
      long left = stopTimeout.toNanos();
      while (restarting.isPresent() && left > 0) {
        left = changed.awaitNanos(left);
      }
    } finally {
      lock.unlock();
    }
    if (last.isPresent()) {
      last.get().stop(stopTimeout);
    }
  }
}
