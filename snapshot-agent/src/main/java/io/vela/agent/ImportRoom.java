package io.vela.agent;

import io.vela.agent.CloneFailure.PoolFull;
import io.vela.agent.storage.Pool;
import java.time.Duration;
import java.util.Optional;

/**
 * Watches that an import leaves half of the pool's reserve to the branches that run: the thread
 * that imports is interrupted when it does not, as if somebody had cancelled the import.
 */
final class ImportRoom implements AutoCloseable {
  private static final Duration POLL = Duration.ofMillis(200);

  private final Pool pool;
  private final Thread importing;
  private final Thread watch;
  private Optional<PoolFull> shortage = Optional.empty();
  private boolean over;

  /** Watches the calling thread. */
  ImportRoom(Pool pool) {
    this.pool = pool;
    this.importing = Thread.currentThread();
    this.watch = Thread.ofVirtual().name("import-room").start(this::run);
  }

  private void run() {
    try {
      while (!look()) {
        Thread.sleep(POLL);
      }
    } catch (InterruptedException e) {
      // The import is over.
    }
  }

  /** Whether there is nothing more to watch. */
  private synchronized boolean look() {
    if (!over) {
      shortage = pool.shortage();
      shortage.ifPresent(_ -> importing.interrupt());
    }
    return over || shortage.isPresent();
  }

  /**
   * Why the import that has just failed failed, if it was for want of room. To be asked by the
   * thread that imported, before anything is removed.
   */
  synchronized Optional<PoolFull> shortage() {
    return shortage.or(pool::shortage);
  }

  /** Ends the watch; its interrupt does not outlive it. */
  @Override
  public void close() {
    synchronized (this) {
      over = true;
      if (shortage.isPresent()) {
        var _ = Thread.interrupted();
      }
    }
    watch.interrupt();
  }
}
