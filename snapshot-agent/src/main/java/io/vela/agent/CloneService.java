package io.vela.agent;

import io.vela.config.Durability;
import io.vela.config.Network;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/**
 * The agent's one face. It speaks in opaque ids and endpoints, never in paths, and all it takes and
 * returns could be sent over a wire.
 *
 * <p>Methods block while processes and files do their work: call them on virtual threads, never on
 * an event loop. They may be called at the same time for different clones; for one clone the caller
 * keeps its calls in order (the branch's machine does).
 */
public interface CloneService extends AutoCloseable {
  /** The pool as it is now. */
  PoolInfo pool() throws CloneException;

  /**
   * Looks whether the pool can be written; mounts it again where it cannot and could then be, for
   * which the instances are ended, since they cannot go on. Ends instances that hang in the
   * recovery from a crash. May take long. To be called every few seconds, by one at a time.
   */
  PoolHealth tend();

  /** Whose the pool is, as the pool says it. */
  PoolOwnership ownership() throws CloneException;

  /** Writes into the pool that the catalogue has come to this epoch, and who this Vela is. */
  void own(long epoch) throws CloneException;

  /** What an earlier Vela was making and never confirmed. */
  Unconfirmed unconfirmed() throws CloneException;

  /**
   * The catalogue has the clone's row: from here on it is never taken for half-made. Does not fail;
   * what could not be written down is confirmed at the next start.
   */
  void confirm(CloneId id);

  /** The same of a snapshot. */
  void confirm(SnapshotId id);

  /** All complete snapshots in the pool. */
  List<SnapshotInfo> snapshots() throws CloneException;

  /**
   * All complete clones in the pool, those whose instance survived an earlier Vela with their
   * endpoint: such an instance is adopted and {@link #exit} watches it from here on. One that could
   * not be adopted has its clone's {@link CloneInfo#trouble}; {@link #start} tries it again.
   */
  List<CloneInfo> clones() throws CloneException;

  /**
   * Makes a clean snapshot: brings the data in, starts it once under the guard (recovery, disabling
   * of subscriptions, reading of contents), stops it cleanly and freezes it. A failure or an
   * interrupt leaves nothing behind; one that leaves less than half of the pool's reserve is ended
   * with {@link CloneFailure.PoolFull}. Half-made until {@link #confirm(SnapshotId)}.
   *
   * @param progress told from the calling thread, at most a few times a second
   */
  SnapshotInfo createSnapshot(SnapshotId id, Source source, Consumer<ImportProgress> progress)
      throws CloneException, InterruptedException;

  /** Removes a snapshot; no error when it is not there. */
  void destroySnapshot(SnapshotId id) throws CloneException;

  /**
   * Makes a writable clone of a snapshot, complete or not at all; half-made until {@link
   * #confirm(CloneId)}.
   *
   * @throws CloneException with {@link CloneFailure.PoolFull} before anything is written
   */
  void createClone(CloneId id, SnapshotId snapshot) throws CloneException;

  /** Removes a clone whose instance does not run; no error when it is not there. */
  void destroyClone(CloneId id) throws CloneException;

  /** Starts a clone's instance and returns once it accepts connections; at once if it runs. */
  Endpoint start(CloneId id, InstanceSettings settings) throws CloneException;

  /**
   * Stops an instance cleanly (Postgres's fast shutdown); at once if it does not run.
   *
   * @throws CloneException with {@link CloneFailure.StopTimedOut}; the instance is not killed
   */
  default void stop(CloneId id, Duration timeout) throws CloneException {
    stop(id, StopMode.FAST, timeout);
  }

  /**
   * Stops an instance that way; at once if it does not run. One of an earlier Vela that could not
   * be taken over ({@link CloneInfo#trouble}) is stopped too. May be called while another call
   * stops the same instance more gently.
   *
   * @throws CloneException with {@link CloneFailure.StopTimedOut}; it goes on stopping
   */
  void stop(CloneId id, StopMode mode, Duration timeout) throws CloneException;

  /** Completes when the instance that now runs has ended, whoever ended it. Never fails. */
  CompletionStage<InstanceExit> exit(CloneId id);

  /**
   * Makes the next client's way to its first row shorter: opens a session once in each database of
   * the running instance, a few at most, so that what its first one reads and writes is there. A
   * database where that does not succeed is left as it is.
   */
  void warmUp(CloneId id) throws CloneException;

  /** What keeps the running instance busy. */
  Activity activity(CloneId id) throws CloneException;

  /** Ends the backends that have been at a statement or in a transaction for more than a second. */
  void endStatements(CloneId id) throws CloneException;

  /**
   * Reads a role from the running instance as it is at this moment; empty when there is none of
   * that name. Those who ask at the same time share a query, none of whom it began before.
   */
  Optional<Role> role(CloneId id, String name) throws CloneException;

  /**
   * Reads roles and databases from the running instance, which is about to be stopped, and keeps
   * them with the clone: from here to the next start they hold ({@link CloneInfo#settled}).
   */
  Contents refreshContents(CloneId id) throws CloneException;

  /** What was last read from the clone or from the snapshot it came from. */
  Contents contents(CloneId id) throws CloneException;

  /**
   * What a commit in a clone promises where that much was asked for: a pool that cannot keep {@link
   * Durability#RELAXED} gives {@link Durability#FULL}.
   */
  Durability durability(CloneId id, Durability asked) throws CloneException;

  /** What a clone's running instance was started with; empty when none runs. */
  Optional<RunningAs> runningAs(CloneId id);

  /**
   * What network the processes of instances are in where that one was asked for: without walls it
   * is the host's.
   */
  Network network(Network asked);

  /** What the clone takes in the pool. */
  Usage usage(CloneId id) throws CloneException;

  /** Lets go of instances without stopping them; stop them first where they must not go on. */
  @Override
  void close();
}
