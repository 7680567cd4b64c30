package io.vela.router;

import io.vela.agent.CloneFailure;
import io.vela.config.RunningLimits.Bound;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.ByteSize;
import io.vela.config.value.UntrustedText;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Why a request was refused or did not succeed. Proxy and admin each turn it into what their
 * clients understand (SQLSTATE, HTTP problem) in one place.
 */
public sealed interface RouteFailure {
  /** One line for a person, without a final stop. */
  String message();

  /** More; empty when there is none. */
  default String detail() {
    return "";
  }

  /** All that is known, for Vela's log and whoever starts Vela: no client may be told. */
  default String diagnosis() {
    return detail();
  }

  /** What to do about it; empty when nothing helps. */
  default String hint() {
    return "";
  }

  /** Lines that hold names of roles and programs, which may be anything. */
  private static String told(List<String> lines) {
    return lines.stream()
        .map(line -> new UntrustedText(line).line(UntrustedText.MOST_FOR_LINES))
        .collect(Collectors.joining("\n"));
  }

  /** The client named no branch and the listener has no default. */
  record NoBranchNamed() implements RouteFailure {
    @Override
    public String message() {
      return "no branch was named";
    }

    @Override
    public String hint() {
      return "Connect with dbname=DATABASE@BRANCH, options='branch=BRANCH', or a branch token.";
    }
  }

  /** The branch does not exist and no policy lets it be created. */
  record NoSuchBranch(BranchName name) implements RouteFailure {
    @Override
    public String message() {
      return "branch \"" + name + "\" does not exist";
    }

    @Override
    public String hint() {
      return "No baseline's create-on-connect patterns match this name.";
    }
  }

  /** No such baseline. */
  record NoSuchBaseline(String name) implements RouteFailure {
    @Override
    public String message() {
      return "baseline \"" + name + "\" does not exist";
    }
  }

  /** The name is taken. */
  record AlreadyExists(String what, String name) implements RouteFailure {
    @Override
    public String message() {
      return "%s \"%s\" already exists".formatted(what, name);
    }
  }

  /** A name or an option is not of the right form. */
  record Malformed(String message) implements RouteFailure {}

  /** A startup parameter has a value that it cannot have; in Postgres's words. */
  record InvalidValue(String parameter, String value, String hint) implements RouteFailure {
    @Override
    public String message() {
      return "invalid value for parameter \"%s\": \"%s\"".formatted(parameter, value);
    }
  }

  /** A replication connection, where the policy lets none in. */
  record ReplicationForbidden(BranchName name, BaselineName baseline) implements RouteFailure {
    @Override
    public String message() {
      return "replication connections to branch \"" + name + "\" are not allowed";
    }

    @Override
    public String hint() {
      return "Set baselines.%s.branches.replication to true, and let the branch start anew."
          .formatted(baseline);
    }
  }

  /** A client named two branches. */
  record Conflicting(String first, String second) implements RouteFailure {
    @Override
    public String message() {
      return "two different branches were named: %s and %s".formatted(first, second);
    }
  }

  /**
   * A token that lets nobody in with what was presented. The client is told no more than that; the
   * log says which token and why.
   *
   * @param token its id
   */
  record BadToken(String token, Reason reason) implements RouteFailure {
    /** What is wrong with it. */
    public enum Reason {
      /** There is none of this id; it may have been pruned, or have gone with its branch. */
      UNKNOWN("unknown"),
      /** Its time is over. */
      EXPIRED("expired"),
      /** It was taken back. */
      REVOKED("revoked"),
      /** Its secret is another one. */
      WRONG_SECRET("wrong secret"),
      /** It is for other roles: as with any credential of a role, another cannot use it. */
      OTHER_ROLE("not for this role");

      private final String words;

      Reason(String words) {
        this.words = words;
      }

      @Override
      public String toString() {
        return words;
      }
    }

    /** For the log. */
    public String cause() {
      return "token " + token + ": " + reason;
    }

    @Override
    public String message() {
      return "the token is not valid";
    }
  }

  /** No such token. */
  record NoSuchToken(String id) implements RouteFailure {
    @Override
    public String message() {
      return "token \"" + id + "\" does not exist";
    }
  }

  /** No volume of that id is in quarantine. */
  record NotQuarantined(String volume) implements RouteFailure {
    @Override
    public String message() {
      return "no volume \"" + volume + "\" is in quarantine";
    }
  }

  /** The token on which a session stands has been taken back. */
  record TokenRevoked(String id) implements RouteFailure {
    @Override
    public String message() {
      return "token \"" + id + "\" has been revoked";
    }
  }

  /** A token that is revoked or expired gets no new secret. */
  record TokenNotGood(String id, String state) implements RouteFailure {
    @Override
    public String message() {
      return "token \"%s\" is %s".formatted(id, state);
    }

    @Override
    public String hint() {
      return "Make a new one.";
    }
  }

  /** The token is genuine but does not grant this. */
  record NotGranted(String message) implements RouteFailure {}

  /** A rule forbids it. */
  record Forbidden(String message) implements RouteFailure {}

  /** It cannot be done while the branch is as it is. */
  record InUse(String message, List<String> users) implements RouteFailure {
    @Override
    public String detail() {
      return told(users);
    }
  }

  /** The branch is being deleted. */
  record BranchDeleted(BranchName name) implements RouteFailure {
    @Override
    public String message() {
      return "branch \"" + name + "\" has been deleted";
    }
  }

  /** The branch is put to sleep by hand, under its sessions. */
  record SuspendedByHand(BranchName name) implements RouteFailure {
    @Override
    public String message() {
      return "branch \"" + name + "\" is being suspended";
    }

    @Override
    public String hint() {
      return "Connect again to wake it.";
    }
  }

  /**
   * The branch has taken all that it may, and went on growing.
   *
   * @param bytes what it takes for itself
   * @param limit what it may take
   */
  record BranchFull(BranchName name, long bytes, long limit) implements RouteFailure {
    @Override
    public String message() {
      return "branch \"%s\" is full: it takes %s of the %s that it may"
          .formatted(name, new ByteSize(bytes), new ByteSize(limit));
    }

    @Override
    public String hint() {
      return "Delete data (TRUNCATE or DROP free room at once), make the branch anew, or raise its"
          + " max-bytes (vela branch set) or its baseline's.";
    }
  }

  /** The branch goes to sleep, and its policy ends sessions that nobody uses. */
  record IdleDisconnected(BranchName name, Duration idle) implements RouteFailure {
    @Override
    public String message() {
      return "branch \"%s\" sleeps after %d s without use".formatted(name, idle.toSeconds());
    }

    @Override
    public String hint() {
      return "Connect again to wake it; on-idle: park keeps sessions across its sleep.";
    }
  }

  /** The branch was not awake in time. */
  record WakeTimedOut(BranchName name, Duration timeout) implements RouteFailure {
    @Override
    public String message() {
      return "branch \"%s\" was not ready within %d s".formatted(name, timeout.toSeconds());
    }

    @Override
    public String hint() {
      return "Try again; \"vela why " + name + "\" tells what it is doing.";
    }
  }

  /**
   * As many branches run as may, none of them can sleep, and none did so in time.
   *
   * @param bound what was reached
   * @param occupants what runs and what keeps it awake, one line each
   */
  record NoRoom(BranchName name, Bound bound, List<String> occupants) implements RouteFailure {
    public NoRoom {
      occupants = List.copyOf(occupants);
    }

    @Override
    public String message() {
      return "there is no room to start branch \"%s\": %d may run (%s) and cannot sleep"
          .formatted(name, bound.instances(), bound.setting());
    }

    @Override
    public String detail() {
      return told(occupants);
    }

    @Override
    public String hint() {
      return "Close sessions, suspend a branch, or raise " + bound.setting() + ".";
    }
  }

  /** The agent could not create, start or stop it. */
  record AgentFailed(String message, CloneFailure cause) implements RouteFailure {
    /**
     * What a client is told: whoever asks for a source has named it and its paths; of all else the
     * host's paths, and what other sessions did, stay in Vela's log.
     */
    @Override
    public String detail() {
      var text = new UntrustedText(diagnosis());
      return switch (cause) {
        case CloneFailure.UnsupportedSource _,
            CloneFailure.SourceFailed _,
            CloneFailure.BinariesMissing _ ->
            text.forAdministrator();
        default -> text.forClient();
      };
    }

    @Override
    public String diagnosis() {
      return cause.detail().isEmpty() ? cause.message() : cause.message() + "\n" + cause.detail();
    }

    @Override
    public String hint() {
      return cause.hint();
    }
  }

  /** The catalogue cannot be reached, and what was asked for needs it. */
  record CatalogUnavailable(String detail) implements RouteFailure {
    public CatalogUnavailable {
      detail = new UntrustedText(detail).forClient();
    }

    @Override
    public String message() {
      return "the catalogue cannot be reached";
    }
  }

  /** Vela is stopping. */
  record ShuttingDown() implements RouteFailure {
    @Override
    public String message() {
      return "Vela is shutting down";
    }
  }
}
