package io.vela.router.branch;

import io.vela.agent.Endpoint;
import io.vela.config.value.BaselineName;
import io.vela.router.RouteFailure;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;

/**
 * Where a branch is in its life. Each legal move is a method on the state that it leaves; what is
 * no method cannot happen.
 *
 * <pre>
 *   Absent ──create──► Creating ──created──► Suspended ──start──► Starting ──started──► Running
 *                                               ▲                                         │
 *                                               ├──────────────exited─────────────────────┤
 *                                               └──stopped── Suspending ◄──suspend────────┘
 *
 *   Running ──park──► Parking ──abandon──► Running    (a veto, or somebody came)
 *                     Parking ──suspend──► Suspending (its sessions are parked)
 *                     Parking ──exited───► Suspended
 *
 *   Creating ──handed out──► Running     (of a warm clone)
 *   Starting ──withdrawn──► Suspended    (nobody waits for its room any more)
 *
 *   Creating ──failed──► Failed(create) ──create──► Creating, ──forget──► Absent
 *   Starting ──failed──► Failed(start)  ──start───► Starting
 *   at Vela's start:     Failed(missing), Failed(adopt) ──start──► Starting, Failed(destroy)
 *
 *   Suspended, Failed(start, adopt, missing, destroy) ──delete──► Deleting ──trashed──► Trashed
 *                                                          Deleting ──failed───► Failed(destroy)
 * </pre>
 *
 * <p>Who may move is decided by {@link BranchMachine}, not here.
 */
public sealed interface BranchState {
  /** When the branch came into this state. */
  Instant since();

  /** The state's name for people and metrics, in lower case. */
  default String label() {
    return switch (this) {
      case Absent _ -> "absent";
      case Creating _ -> "creating";
      case Suspended _ -> "suspended";
      case Starting _ -> "starting";
      case Running _ -> "running";
      case Parking _ -> "parking";
      case Suspending _ -> "suspending";
      case Failed _ -> "failed";
      case Deleting _ -> "deleting";
      case Trashed _ -> "trashed";
    };
  }

  /** Whether an instance runs and accepts connections. */
  default boolean isAwake() {
    return switch (this) {
      case Running _, Parking _ -> true;
      case Absent _, Creating _, Suspended _, Starting _, Suspending _ -> false;
      case Failed _, Deleting _, Trashed _ -> false;
    };
  }

  /** There is no such branch. */
  record Absent(Instant since) implements BranchState {
    Creating create(BaselineName from, Instant now) {
      return new Creating(from, 0, now);
    }
  }

  /**
   * Its clone is being made.
   *
   * @param from the baseline it comes from
   * @param failures how often that has failed before, in a row
   */
  record Creating(BaselineName from, int failures, Instant since) implements BranchState {
    Suspended created(Instant now) {
      return new Suspended(now);
    }

    /** It took a clone that runs. */
    Running handedOut(Endpoint endpoint, Instant now) {
      return new Running(endpoint, now);
    }

    Failed failed(RouteFailure cause, Instant now) {
      return Failed.retried(Failed.Step.CREATE, cause, failures + 1, now);
    }
  }

  /** It sleeps: the clone is there, no instance runs. */
  record Suspended(Instant since) implements BranchState {
    Starting start(Instant now) {
      return new Starting(0, now);
    }

    Deleting delete(Instant now) {
      return new Deleting(now);
    }
  }

  /**
   * Its instance starts.
   *
   * @param failures how often that has failed before, in a row
   */
  record Starting(int failures, Instant since) implements BranchState {
    Running started(Endpoint endpoint, Instant now) {
      return new Running(endpoint, now);
    }

    /** It waited for room, and nobody waits for it any more. */
    Suspended withdrawn(Instant now) {
      return new Suspended(now);
    }

    Failed failed(RouteFailure cause, Instant now) {
      return Failed.retried(Failed.Step.START, cause, failures + 1, now);
    }
  }

  /**
   * Its instance accepts connections.
   *
   * @param endpoint where
   */
  record Running(Endpoint endpoint, Instant since) implements BranchState {
    Suspending suspend(Instant now) {
      return new Suspending("", now);
    }

    Parking park(Instant now) {
      return new Parking(this, now);
    }

    /** The instance ended by itself; recovery is for the next start. */
    Suspended exited(Instant now) {
      return new Suspended(now);
    }
  }

  /**
   * Its sessions are asked to do without their backends. Its instance runs, and who comes waits.
   *
   * @param from what it goes back to if they cannot
   */
  record Parking(Running from, Instant since) implements BranchState {
    /** They stay, as if nothing had been. */
    Running abandon() {
      return from;
    }

    Suspending suspend(Instant now) {
      return new Suspending("", now);
    }

    /** The instance ended by itself; recovery is for the next start. */
    Suspended exited(Instant now) {
      return new Suspended(now);
    }
  }

  /**
   * Its instance stops.
   *
   * @param trouble why that takes longer than it may; empty as long as it does not
   */
  record Suspending(String trouble, Instant since) implements BranchState {
    Suspended stopped(Instant now) {
      return new Suspended(now);
    }

    /** It did not stop in time. It is not killed, so nothing but the word about it changes. */
    Suspending late(String trouble) {
      return new Suspending(trouble, since);
    }
  }

  /**
   * It could not be brought further.
   *
   * @param step what failed
   * @param cause why
   * @param failures how often in a row
   * @param retryAt before this, who asks is given the same cause; {@link Instant#MAX}: only
   *     deleting it helps
   */
  record Failed(Step step, RouteFailure cause, int failures, Instant retryAt, Instant since)
      implements BranchState {
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);

    /** What failed. */
    public enum Step {
      /** Making the clone: there is none. */
      CREATE,
      /** Starting the instance. */
      START,
      /** Taking over the instance that an earlier Vela left: it may run still. */
      ADOPT,
      /** The clone of a branch in the catalogue was not found in the pool. */
      MISSING,
      /** Removing the clone: it may be there in part. */
      DESTROY;

      @Override
      public String toString() {
        return name().toLowerCase(Locale.ROOT);
      }
    }

    /** A clone that should be there and is not: never made anew behind its owner's back. */
    static Failed missing(RouteFailure cause, Instant now) {
      return new Failed(Step.MISSING, cause, 1, Instant.MAX, now);
    }

    /** An instance that is tried again for whoever comes next. */
    static Failed stray(RouteFailure cause, Instant now) {
      return new Failed(Step.ADOPT, cause, 1, now, now);
    }

    /** A deletion that Vela's start could not finish. */
    static Failed undeleted(RouteFailure cause, Instant now) {
      return new Failed(Step.DESTROY, cause, 1, Instant.MAX, now);
    }

    /** Whether starting it may help. */
    boolean mayStart() {
      return switch (step) {
        case START, ADOPT -> true;
        case CREATE, MISSING, DESTROY -> false;
      };
    }

    private static Failed retried(Step step, RouteFailure cause, int failures, Instant now) {
      var pause = Duration.ofSeconds(1L << Math.min(failures - 1, 5));
      return new Failed(
          step,
          cause,
          failures,
          now.plus(pause.compareTo(LONGEST_PAUSE) < 0 ? pause : LONGEST_PAUSE),
          now);
    }

    Creating create(BaselineName from, Instant now) {
      demand(step == Step.CREATE, "create");
      return new Creating(from, failures, now);
    }

    /** Nothing was made, and nobody has asked again. */
    Absent forget(Instant now) {
      demand(step == Step.CREATE, "forget");
      return new Absent(now);
    }

    Starting start(Instant now) {
      demand(mayStart(), "start");
      return new Starting(failures, now);
    }

    Deleting delete(Instant now) {
      demand(step != Step.CREATE, "delete");
      return new Deleting(now);
    }

    private void demand(boolean legal, String move) {
      if (!legal) {
        throw new IllegalStateException("a branch that failed to " + step + " cannot " + move);
      }
    }
  }

  /** Its clone is being removed. */
  record Deleting(Instant since) implements BranchState {
    Trashed trashed(Instant now) {
      return new Trashed(now);
    }

    Failed failed(RouteFailure cause, Instant now) {
      return new Failed(Failed.Step.DESTROY, cause, 1, Instant.MAX, now);
    }
  }

  /** It is gone. The name is free for another. */
  record Trashed(Instant since) implements BranchState {}
}
