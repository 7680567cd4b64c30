package io.vela.admin;

import io.vela.agent.CloneFailure;
import io.vela.router.RouteFailure;
import io.vertx.core.json.JsonObject;

/**
 * What a refused client is told: a problem document (RFC 9457) with the extension members {@code
 * code}, for programs, and {@code hint}, for people.
 *
 * @param type its kind
 * @param detail what happened this time: the first line for a person, further lines for the log
 * @param hint what to do about it; empty when nothing helps
 */
record Problem(ProblemType type, String detail, String hint) {
  static final String MEDIA_TYPE = "application/problem+json";

  Problem(ProblemType type, String detail) {
    this(type, detail, "");
  }

  /** The one place that turns the router's failures into HTTP's. */
  static Problem of(RouteFailure failure) {
    var type =
        switch (failure) {
          case RouteFailure.NoBranchNamed _ -> ProblemType.NO_BRANCH_NAMED;
          case RouteFailure.NoSuchBranch _ -> ProblemType.NO_SUCH_BRANCH;
          case RouteFailure.NoSuchBaseline _ -> ProblemType.NO_SUCH_BASELINE;
          case RouteFailure.NoSuchToken _ -> ProblemType.NO_SUCH_TOKEN;
          case RouteFailure.TokenNotGood _ -> ProblemType.TOKEN_NOT_GOOD;
          case RouteFailure.NotQuarantined _ -> ProblemType.NOT_QUARANTINED;
          case RouteFailure.AlreadyExists _ -> ProblemType.ALREADY_EXISTS;
          case RouteFailure.Malformed _, RouteFailure.Conflicting _, RouteFailure.InvalidValue _ ->
              ProblemType.MALFORMED;
          case RouteFailure.BadToken _, RouteFailure.TokenRevoked _ -> ProblemType.BAD_TOKEN;
          case RouteFailure.NotGranted _,
              RouteFailure.Forbidden _,
              RouteFailure.ReplicationForbidden _ ->
              ProblemType.FORBIDDEN;
          case RouteFailure.InUse _,
              RouteFailure.SuspendedByHand _,
              RouteFailure.IdleDisconnected _ ->
              ProblemType.IN_USE;
          case RouteFailure.BranchDeleted _ -> ProblemType.BRANCH_DELETED;
          case RouteFailure.BranchFull _ -> ProblemType.POOL_FULL;
          case RouteFailure.NoRoom _ -> ProblemType.NO_ROOM;
          case RouteFailure.WakeTimedOut _ -> ProblemType.TIMED_OUT;
          case RouteFailure.AgentFailed agent -> type(agent.cause());
          case RouteFailure.CatalogUnavailable _ -> ProblemType.CATALOG_UNAVAILABLE;
          case RouteFailure.ShuttingDown _ -> ProblemType.SHUTTING_DOWN;
        };
    var detail =
        failure.detail().isEmpty()
            ? failure.message()
            : failure.message() + "\n" + failure.detail();
    return new Problem(type, detail, hint(failure));
  }

  private static ProblemType type(CloneFailure failure) {
    return switch (failure) {
      case CloneFailure.PoolFull _, CloneFailure.PoolNotWritable _ -> ProblemType.POOL_FULL;
      case CloneFailure.BinariesMissing _ -> ProblemType.BINARIES_MISSING;
      case CloneFailure.UnsupportedSource _ -> ProblemType.UNSUPPORTED_SOURCE;
      case CloneFailure.SourceFailed _ -> ProblemType.SOURCE_FAILED;
      case CloneFailure.StartTimedOut _, CloneFailure.StopTimedOut _ -> ProblemType.TIMED_OUT;
      case CloneFailure.NoSuchSnapshot _,
          CloneFailure.NoSuchClone _,
          CloneFailure.StartFailed _,
          CloneFailure.StopFailed _,
          CloneFailure.QueryFailed _,
          CloneFailure.StorageFailed _ ->
          ProblemType.AGENT_FAILED;
    };
  }

  // The router's own hint speaks to a client that connected; over HTTP nothing is created that way.
  private static String hint(RouteFailure failure) {
    return switch (failure) {
      case RouteFailure.NoSuchBranch _ -> "\"vela branch list\" names those that exist.";
      case RouteFailure.NoSuchToken _ -> "\"vela token list\" names those that exist.";
      case RouteFailure.NotQuarantined _ -> "\"vela pool show\" names those that are.";
      case RouteFailure.NoSuchBaseline _ -> "\"vela baseline list\" names those that exist.";
      case RouteFailure.InUse _ -> "With --force (?force=true) those that use it are disconnected.";
      default -> failure.hint();
    };
  }

  JsonObject toJson() {
    var json =
        new JsonObject()
            .put("type", "urn:vela:problem:" + type.code())
            .put("title", type.title())
            .put("status", type.status())
            .put("detail", detail)
            .put("code", type.code());
    return hint.isEmpty() ? json : json.put("hint", hint);
  }
}
