package io.vela.proxy.session;

import io.vela.agent.CloneFailure;
import io.vela.agent.InstanceExit;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.SqlState;
import io.vela.router.RouteFailure;

/** What a client is told when it cannot have what it asked for: the one place that decides it. */
final class Refusal {
  private Refusal() {}

  /** Of a session that has not begun. */
  static ErrorMessage of(RouteFailure failure) {
    return ErrorMessage.fatal(state(failure), failure.message())
        .withDetail(failure.detail())
        .withHint(failure.hint());
  }

  /** Of a session that must let go of its branch. */
  static ErrorMessage revoked(RouteFailure reason) {
    var state =
        reason instanceof RouteFailure.BranchDeleted
            ? SqlState.DATABASE_DROPPED
            : SqlState.ADMIN_SHUTDOWN;
    return ErrorMessage.fatal(state, "terminating connection: " + reason.message())
        .withDetail(reason.detail())
        .withHint(reason.hint());
  }

  /** Of a session whose instance ended under it. */
  static ErrorMessage instanceEnded(InstanceExit exit) {
    return backendLost().withDetail(exit.logTail().strip());
  }

  /** Of a session whose backend vanished without a word. */
  static ErrorMessage backendLost() {
    return ErrorMessage.fatal(
            SqlState.CRASH_SHUTDOWN,
            "terminating connection because the branch's Postgres ended unexpectedly")
        .withHint("Reconnect: the branch is started again.");
  }

  /** Of wrong passwords and unknown roles, in Postgres's words (auth_failed in auth.c). */
  static ErrorMessage wrongPassword(String user) {
    return ErrorMessage.fatal(
        SqlState.INVALID_PASSWORD, "password authentication failed for user \"" + user + "\"");
  }

  /** Of roles without LOGIN, in Postgres's words (InitializeSessionUserId in miscinit.c). */
  static ErrorMessage mayNotLogIn(String role) {
    return ErrorMessage.fatal(
        SqlState.INVALID_AUTHORIZATION_SPECIFICATION,
        "role \"" + role + "\" is not permitted to log in");
  }

  /** Of bearer tokens that came over a network unencrypted. */
  static ErrorMessage bearerNotAllowed() {
    return ErrorMessage.fatal(
            SqlState.INVALID_AUTHORIZATION_SPECIFICATION,
            "a token in full is accepted from this host only")
        .withHint("Use the token as user: user=ROLE~ID, and its secret as password.");
  }

  /** Of an instance that could not be reached although the branch was awake. */
  static ErrorMessage unreachable(String branch, String cause) {
    return ErrorMessage.fatal(
            SqlState.CANNOT_CONNECT_NOW,
            "branch \"" + branch + "\" does not accept connections at the moment")
        .withDetail(cause)
        .withHint("Try again; \"vela why " + branch + "\" tells what it is doing.");
  }

  /** Of a router that did not answer within the time for authentication. */
  static ErrorMessage notLocatedInTime() {
    return ErrorMessage.fatal(
        SqlState.CANNOT_CONNECT_NOW, "the branch could not be looked up in time");
  }

  /** Of an instance that asks for a password, which no instance of Vela's does. */
  static ErrorMessage instanceAsksForPassword() {
    return ErrorMessage.fatal(
        SqlState.INTERNAL_ERROR, "the branch's Postgres does not trust its proxy");
  }

  /** Of a fault of Vela's own; its cause is in the log. */
  static ErrorMessage internal() {
    return ErrorMessage.fatal(SqlState.INTERNAL_ERROR, "internal error; see Vela's log");
  }

  private static SqlState state(RouteFailure failure) {
    return switch (failure) {
      case RouteFailure.NoBranchNamed _,
          RouteFailure.NoSuchBranch _,
          RouteFailure.NoSuchBaseline _ ->
          SqlState.INVALID_CATALOG_NAME;
      case RouteFailure.Malformed _, RouteFailure.Conflicting _, RouteFailure.InvalidValue _ ->
          SqlState.INVALID_PARAMETER_VALUE;
      case RouteFailure.BadToken _ -> SqlState.INVALID_PASSWORD;
      case RouteFailure.NotGranted _,
          RouteFailure.Forbidden _,
          RouteFailure.ReplicationForbidden _ ->
          SqlState.INVALID_AUTHORIZATION_SPECIFICATION;
      case RouteFailure.BranchDeleted _ -> SqlState.DATABASE_DROPPED;
      case RouteFailure.AgentFailed failed ->
          failed.cause() instanceof CloneFailure.PoolFull
              ? SqlState.DISK_FULL
              : SqlState.CANNOT_CONNECT_NOW;
      case RouteFailure.WakeTimedOut _,
          RouteFailure.CatalogUnavailable _,
          RouteFailure.AlreadyExists _,
          RouteFailure.InUse _ ->
          SqlState.CANNOT_CONNECT_NOW;
      case RouteFailure.SuspendedByHand _, RouteFailure.ShuttingDown _ -> SqlState.ADMIN_SHUTDOWN;
    };
  }
}
