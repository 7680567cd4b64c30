package io.vela.router;

import io.vela.router.SessionRouter.SessionLabel;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * One client's session as its branch sees it, from the moment that the client has proven who it is
 * to its end, whether a backend serves it or not. Safe for use from any thread; nothing blocks.
 *
 * <p>A branch parks its sessions in three steps: each is asked to {@link #prepareToPark}, which
 * holds back what its client sends and captures its state; when all are prepared, each is asked to
 * {@link #confirmParking}, whether nothing has come meanwhile; then each {@link #park}s. One veto,
 * and all that were asked {@link #resume} as if nothing had been.
 */
public interface BranchSession {
  /** Who it is. */
  SessionLabel label();

  /** What it is doing. */
  Activity activity();

  /**
   * Holds back what the client sends and captures the session's state.
   *
   * @return what cannot be restored exactly; empty when the session is ready to give up its
   *     backend. Never fails
   */
  CompletionStage<Optional<Veto>> prepareToPark();

  /**
   * Makes sure that nothing was in the way of the capture, and nothing has come since.
   *
   * @return as {@link #prepareToPark}
   */
  CompletionStage<Optional<Veto>> confirmParking();

  /**
   * Gives up the backend and the lease. From now on what the client sends makes the session ask for
   * a lease again. Of one that has ended nothing.
   */
  void park();

  /** The session is not parked: it goes on with what its client has sent meanwhile. */
  void resume();

  /** Tells the client why, and ends the session. */
  void end(RouteFailure reason);

  /**
   * @param state what the session is at
   * @param since when it came to that
   * @param quietSince since when its client has wanted nothing but to know whether it is still
   *     connected; empty while it is at work
   * @param veto why it could not be parked when that was last tried; empty when it could
   */
  record Activity(State state, Instant since, Optional<Instant> quietSince, Optional<Veto> veto) {}

  /** What a session is at. */
  enum State {
    /** It has no backend yet. */
    STARTING,
    /** Its backend is at work, or a transaction is open. */
    ACTIVE,
    /** Its backend waits for it. */
    IDLE,
    /** It has no backend and needs none. */
    PARKED,
    /** Its client has sent something, and it is getting a backend. */
    RESUMING;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * Why a session cannot be parked.
   *
   * @param reason in a word, for metrics: one of a fixed set
   * @param detail for a person
   */
  record Veto(String reason, String detail) {
    @Override
    public String toString() {
      return reason + ": " + detail;
    }
  }

  /** Somebody who holds a branch awake for a moment and has no backend to give up. */
  static BranchSession fleeting(SessionLabel label) {
    return new FleetingSession(label, SteadyClock.get().instant());
  }

  /** See {@link #fleeting}. */
  record FleetingSession(SessionLabel label, Instant since) implements BranchSession {
    @Override
    public Activity activity() {
      return new Activity(State.ACTIVE, since, Optional.empty(), Optional.empty());
    }

    @Override
    public CompletionStage<Optional<Veto>> prepareToPark() {
      return CompletableFuture.completedStage(Optional.of(new Veto("busy", label.description())));
    }

    @Override
    public CompletionStage<Optional<Veto>> confirmParking() {
      return prepareToPark();
    }

    @Override
    public void park() {}

    @Override
    public void resume() {}

    @Override
    public void end(RouteFailure reason) {}
  }
}
