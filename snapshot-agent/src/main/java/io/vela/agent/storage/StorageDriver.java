package io.vela.agent.storage;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.Usage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * A way to copy on write. Volumes are folders directly below the pool's {@code snapshots}, {@code
 * clones} and {@code staging}, named by the caller, which calls a driver for one volume from one
 * thread at a time.
 *
 * <p>A new driver is one new file in {@code driver} and one line in {@link StorageDrivers}; the
 * contract test runs over the registry.
 */
public interface StorageDriver {
  /** The name used in configuration and messages. */
  String name();

  /**
   * Whether clones share blocks with their snapshot. A driver that says so is measured when the
   * pool is opened, and refused when it does not.
   */
  default boolean sharesBlocks() {
    return true;
  }

  /**
   * Whether the disk gets all that was written to the volume with each commit of the file system,
   * every few seconds, and nothing in between: a crash of the host then takes the whole volume back
   * to the last commit. Asked for an empty folder of the pool or for a volume that is there.
   */
  default boolean flushesOnCommit(Path folder) throws CloneException {
    return false;
  }

  /** Whether the folder's file system offers what the driver needs. Writes nothing lasting. */
  Probe probe(Path pool);

  /** Makes an empty volume. */
  void create(Path volume) throws CloneException;

  /** Makes {@code target} a read-only copy of the volume {@code source}, which nobody writes. */
  void snapshot(Path source, Path target) throws CloneException;

  /** Makes {@code target} a writable copy of the snapshot {@code source}. */
  void clone(Path source, Path target) throws CloneException;

  /** Whether {@link #move} works. */
  default boolean canMove() {
    return true;
  }

  /** Gives a volume another place in the pool, at once and whatever its size. */
  default void move(Path source, Path target) throws CloneException {
    try {
      Files.move(source, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("%s cannot be moved to %s: %s".formatted(source, target, e), ""), e);
    }
  }

  /** Removes a volume or snapshot, complete or half-made; no error when it is not there. */
  void destroy(Path volume) throws CloneException;

  /** What the volume takes. */
  Usage usage(Path volume) throws CloneException;

  /**
   * What the file system of a pool has accepted and not placed yet, so that what it calls free is
   * less by as much; 0 where it counts that by itself.
   */
  default long pendingBytes(Path pool) throws CloneException {
    return 0;
  }

  /** What {@link #probe} found. */
  sealed interface Probe {
    /** The driver works here. */
    record Usable() implements Probe {}

    /**
     * The driver does not work here.
     *
     * @param reason for a person
     */
    record Unusable(String reason) implements Probe {}
  }
}
