package io.vela.router.branch;

import io.vela.router.RouteFailure;
import java.time.Duration;
import java.util.Locale;

/** Told what branches do, outside of their locks, on any of the router's threads. */
public interface BranchListener {
  /**
   * A running branch is held by no lease from now on.
   *
   * @param epoch for {@link BranchMachine#suspendIfIdle}: a later call has a greater one
   */
  void idle(BranchMachine branch, long epoch);

  /**
   * A branch runs.
   *
   * @param took since it was first asked for
   */
  void woke(BranchMachine branch, WakeKind kind, Duration took);

  /**
   * A branch did not come into being or did not start.
   *
   * @param step what failed
   */
  void wakeFailed(BranchMachine branch, BranchState.Failed.Step step, RouteFailure cause);

  /** A branch was stopped, did not stop in time, or ended by itself. */
  void suspended(BranchMachine branch, Reason reason, Outcome outcome);

  /** A branch has other settings of its own from now on. */
  void configured(BranchMachine branch);

  /** It was tried to put a branch to sleep under its sessions. */
  void parkTried(BranchMachine branch, Reason reason, ParkOutcome outcome);

  /** A branch is being deleted: its sessions, also those that do without it now, are to end. */
  void deleting(BranchMachine branch, RouteFailure told);

  /** A branch is no more, or never came to be; its machine is over. */
  void gone(BranchMachine branch);

  /** What it took until a branch ran. */
  enum WakeKind {
    /** It was cloned and started. */
    CREATE,
    /** It was there and was started. */
    WAKE,
    /** It took a clone that ran. */
    WARM;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Why a branch is stopped. */
  enum Reason {
    /** Nobody used it for long enough. */
    IDLE,
    /** Nobody used it, and others waited for its place. */
    ROOM,
    /** Somebody asked for it. */
    REQUESTED,
    /** Somebody asked for it to begin anew. */
    RESTART,
    /** It is to be deleted. */
    DELETE,
    /** Vela stops. */
    SHUTDOWN,
    /** Its instance ended by itself. */
    EXIT;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** How a stop went. */
  enum Outcome {
    /** Cleanly and in time. */
    OK,
    /** Not in time; it goes on. */
    TIMEOUT,
    /** It could not be stopped, or ended uncleanly. */
    FAILED;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }
}
