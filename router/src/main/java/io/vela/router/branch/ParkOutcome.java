package io.vela.router.branch;

import static java.util.stream.Collectors.joining;

import io.vela.agent.Activity;
import io.vela.router.BranchSession;
import io.vela.router.BranchSession.Veto;
import io.vela.router.SessionRouter.SessionLabel;
import java.util.List;

/** How it went when a branch was to sleep under its sessions. */
public sealed interface ParkOutcome {
  /** Of a session that has not answered in time. */
  Veto SILENCE = new Veto("timeout", "it has not answered in time");

  /**
   * The sessions do without their backends, and the branch is being stopped.
   *
   * @param sessions how many
   */
  record Parked(int sessions) implements ParkOutcome {}

  /** Some sessions cannot: all go on as if nothing had been. */
  record Vetoed(List<Objection> objections) implements ParkOutcome {
    public Vetoed {
      objections = List.copyOf(objections);
    }

    private boolean isSilence() {
      return objections.stream().anyMatch(objection -> objection.veto().equals(SILENCE));
    }
  }

  /** Postgres has something to do there by itself. */
  record Busy(List<Activity.Use> uses) implements ParkOutcome {
    public Busy {
      uses = List.copyOf(uses);
    }
  }

  /**
   * Somebody came who wants the branch.
   *
   * @param who the first
   */
  record Wanted(SessionLabel who) implements ParkOutcome {}

  /** It came to nothing for a reason that is not the sessions'. */
  record Failed(String cause) implements ParkOutcome {}

  /** The branch was not in the state for it when it began: nobody was asked. */
  record Moot() implements ParkOutcome {}

  /** What it counts as in metrics; empty when not at all. */
  default String label() {
    return switch (this) {
      case Parked _ -> "parked";
      case Vetoed vetoed when vetoed.isSilence() -> "failed";
      case Vetoed _, Busy _, Wanted _ -> "vetoed";
      case Failed _ -> "failed";
      case Moot _ -> "";
    };
  }

  /** For the log. */
  default String detail() {
    return switch (this) {
      case Parked parked -> parked.sessions() + " sessions";
      case Vetoed vetoed ->
          vetoed.objections().stream().map(Objection::toString).collect(joining("; "));
      case Busy busy -> busy.uses().stream().map(Activity.Use::toString).collect(joining("; "));
      case Wanted wanted -> wanted.who().description();
      case Failed failed -> failed.cause();
      case Moot _ -> "";
    };
  }

  /** Why a session could not be parked. */
  record Objection(BranchSession session, Veto veto) {
    @Override
    public String toString() {
      return session.label().description() + ": " + veto;
    }
  }
}
