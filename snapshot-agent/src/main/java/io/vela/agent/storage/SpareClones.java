package io.vela.agent.storage;

import io.vela.agent.CloneException;
import io.vela.agent.SnapshotId;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Clones that are made before anybody asks for them, one for each of the snapshots that were cloned
 * last: making a clone waits until the file system has committed, and giving one another name does
 * not. Spare clones are in a folder of the pool's, which every start of Vela empties. Safe for
 * several threads.
 */
final class SpareClones implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(SpareClones.class);

  /** Of each baseline that is in use mostly the newest snapshot is cloned. */
  private static final int MOST = 4;

  /**
   * How long after that a spare clone is made: until then the client for whom a clone was made
   * needs the disk and the processors.
   */
  private static final Duration DELAY = Duration.ofMillis(100);

  private final Maker maker;

  /** Held while a spare clone is made or removed. */
  private final ReentrantLock making = new ReentrantLock();

  /** By snapshot, the one that was cloned longest ago first; empty while none is there. */
  private final Map<SnapshotId, Optional<Path>> spares = new LinkedHashMap<>();

  private boolean closed;

  /** Makes and removes them. */
  interface Maker {
    /**
     * Makes one, ready to be used.
     *
     * @return empty when there is no room for one now
     */
    Optional<Path> make(SnapshotId snapshot) throws CloneException;

    void destroy(Path spare) throws CloneException;
  }

  /** Something done to the pool. */
  @FunctionalInterface
  interface Action {
    void run() throws CloneException;
  }

  SpareClones(Maker maker) {
    this.maker = maker;
  }

  /** Takes the spare clone of a snapshot: it is the caller's from here on. */
  Optional<Path> take(SnapshotId snapshot) {
    synchronized (spares) {
      var spare = spares.getOrDefault(snapshot, Optional.empty());
      spares.computeIfPresent(snapshot, (_, _) -> Optional.empty());
      return spare;
    }
  }

  /**
   * A snapshot is likely to be cloned, since it is new or was cloned: soon there is a spare clone
   * of it. Does not block.
   */
  void expect(SnapshotId snapshot) {
    synchronized (spares) {
      var spare = spares.remove(snapshot);
      spares.put(snapshot, spare == null ? Optional.empty() : spare);
    }
    Thread.ofVirtual()
        .name("spare-clone")
        .start(
            () -> {
              LockSupport.parkNanos(DELAY.toNanos());
              removeOldest();
              fill(snapshot);
            });
  }

  private void fill(SnapshotId snapshot) {
    making.lock();
    try {
      synchronized (spares) {
        if (closed || spares.getOrDefault(snapshot, Optional.of(Path.of(""))).isPresent()) {
          return;
        }
      }
      var made = maker.make(snapshot);
      synchronized (spares) {
        spares.put(snapshot, made);
      }
    } catch (CloneException e) {
      // The next clone is made without one, and says what is wrong.
      log.warn("no spare clone made snapshot={} cause=\"{}\"", snapshot, e.failure().message());
    } finally {
      making.unlock();
    }
  }

  private void removeOldest() {
    Optional<SnapshotId> oldest;
    synchronized (spares) {
      oldest =
          spares.size() > MOST ? Optional.of(spares.keySet().iterator().next()) : Optional.empty();
    }
    if (oldest.isPresent()) {
      try {
        forget(oldest.get());
      } catch (CloneException e) {
        log.warn("spare clone not removed cause=\"{}\"", e.failure().message());
      }
    }
  }

  /** Removes the spare clone of a snapshot, of which none is made from here on. Blocks. */
  void forget(SnapshotId snapshot) throws CloneException {
    making.lock();
    try {
      Optional<Path> spare;
      synchronized (spares) {
        spare = Optional.ofNullable(spares.remove(snapshot)).flatMap(it -> it);
      }
      if (spare.isPresent()) {
        maker.destroy(spare.get());
      }
    } finally {
      making.unlock();
    }
  }

  /** Does something to the pool while no spare clone is being made. */
  void whileNoneIsMade(Action action) throws CloneException {
    making.lock();
    try {
      action.run();
    } finally {
      making.unlock();
    }
  }

  /** None is made from here on. Those that are there are left to the next start. */
  @Override
  public void close() {
    making.lock();
    try {
      synchronized (spares) {
        closed = true;
      }
    } finally {
      making.unlock();
    }
  }
}
