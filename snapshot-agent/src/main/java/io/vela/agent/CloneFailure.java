package io.vela.agent;

import io.vela.config.value.ByteSize;
import java.time.Duration;

/** Why the agent could not do something. Each answers for itself what a person may be told. */
public sealed interface CloneFailure {
  /** One line for a person, without a final stop. */
  String message();

  /** More, such as the last lines of a server's log; empty when there is none. */
  default String detail() {
    return "";
  }

  /** What to do about it; empty when nothing helps. */
  default String hint() {
    return "";
  }

  /**
   * Creating would take the pool below its reserve.
   *
   * @param freeBytes what is free
   * @param reserveBytes what must stay free
   */
  record PoolFull(long freeBytes, long reserveBytes) implements CloneFailure {
    @Override
    public String message() {
      return "the pool is full: %s free, %s kept in reserve"
          .formatted(new ByteSize(freeBytes), new ByteSize(reserveBytes));
    }

    @Override
    public String hint() {
      return "Delete branches or enlarge the pool.";
    }
  }

  /** The pool's file system can only be read. */
  record PoolNotWritable(String message) implements CloneFailure {
    @Override
    public String hint() {
      return "Make room on the disk under the pool, or look at the kernel's log; Vela mounts a pool"
          + " of its own again when it can.";
    }
  }

  /** No such snapshot in the pool. */
  record NoSuchSnapshot(SnapshotId id) implements CloneFailure {
    @Override
    public String message() {
      return "snapshot " + id + " is not in the pool";
    }
  }

  /** No such clone in the pool. */
  record NoSuchClone(CloneId id) implements CloneFailure {
    @Override
    public String message() {
      return "clone " + id + " is not in the pool";
    }
  }

  /**
   * No Postgres of that major version.
   *
   * @param major the version
   * @param program the program that is missing
   * @param packageName the Debian package that has it
   */
  record BinariesMissing(int major, String program, String packageName) implements CloneFailure {
    @Override
    public String message() {
      return "no %s of Postgres %d was found".formatted(program, major);
    }

    @Override
    public String hint() {
      return "Install the package %s, or name its folder in postgres.search-path."
          .formatted(packageName);
    }
  }

  /** The source has something that a clone cannot have, such as tablespaces. */
  record UnsupportedSource(String message, String hint) implements CloneFailure {}

  /** The source could not be read. */
  record SourceFailed(String message, String detail) implements CloneFailure {}

  /**
   * An instance did not start.
   *
   * @param message what happened
   * @param detail the last lines of its log
   */
  record StartFailed(String message, String detail) implements CloneFailure {}

  /**
   * An instance did not become ready in time.
   *
   * @param waits why, where that can be seen; else empty
   * @param detail the last lines of its log
   */
  record StartTimedOut(Duration timeout, String waits, String detail) implements CloneFailure {
    @Override
    public String message() {
      return "Postgres was not ready within %d s".formatted(timeout.toSeconds())
          + (waits.isEmpty() ? "" : ": " + waits);
    }
  }

  /**
   * An instance did not stop in time; it is left as it is.
   *
   * @param mode how it was told to
   * @param waits why, where that can be seen; else empty
   * @param detail the last lines of its log
   */
  record StopTimedOut(StopMode mode, Duration timeout, String waits, String detail)
      implements CloneFailure {
    /** Of which it cannot be seen why. */
    public StopTimedOut(StopMode mode, Duration timeout, String detail) {
      this(mode, timeout, "", detail);
    }

    @Override
    public String message() {
      var said =
          switch (mode) {
            case FAST -> "Postgres did not stop within %d s";
            case IMMEDIATE -> "Postgres did not stop within %d s of an immediate shutdown";
            case KILL -> "Postgres did not end within %d s of being killed";
          };
      return said.formatted(timeout.toSeconds()) + (waits.isEmpty() ? "" : ": " + waits);
    }
  }

  /**
   * An instance could not be told to stop.
   *
   * @param message what happened
   * @param detail the last lines of its log
   */
  record StopFailed(String message, String detail) implements CloneFailure {}

  /** An instance could not be asked. */
  record QueryFailed(String message) implements CloneFailure {}

  /** A storage command failed. */
  record StorageFailed(String message, String detail) implements CloneFailure {}
}
