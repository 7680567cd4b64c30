package io.vela.proxy.session;

import io.vela.agent.CloneFailure;
import io.vela.agent.InstanceExit;
import io.vela.config.value.UntrustedText;
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
        switch (reason) {
          case RouteFailure.BranchDeleted _ -> SqlState.DATABASE_DROPPED;
          case RouteFailure.BranchFull _, RouteFailure.AgentFailed _ -> state(reason);
          default -> SqlState.ADMIN_SHUTDOWN;
        };
    return ErrorMessage.fatal(state, "terminating connection: " + reason.message())
        .withDetail(reason.detail())
        .withHint(reason.hint());
  }

  /** Of what a parked client waited for, in Postgres's words (ProcessInterrupts in postgres.c). */
  static ErrorMessage canceled() {
    return new ErrorMessage(
        ErrorMessage.Severity.ERROR,
        SqlState.QUERY_CANCELED,
        "canceling statement due to user request",
        "",
        "");
  }

  /** Of a parked session, in Postgres's words (ProcessInterrupts in postgres.c). */
  static ErrorMessage idleSessionTimeout() {
    return ErrorMessage.fatal(
        SqlState.IDLE_SESSION_TIMEOUT, "terminating connection due to idle-session timeout");
  }

  /** Of a session that was parked and could not be given back what it had. */
  static ErrorMessage notRestored(String reason) {
    return ErrorMessage.fatal(
            SqlState.ADMIN_SHUTDOWN,
            "terminating connection: the session could not be restored after its branch slept")
        .withDetail(new UntrustedText(reason).forClient())
        .withHint("Reconnect; on-idle: stay-awake keeps a branch awake while clients are there.");
  }

  /** Of a session whose instance ended under it. */
  static ErrorMessage instanceEnded(InstanceExit exit) {
    return backendLost().withDetail(new UntrustedText(exit.logTail()).forClient());
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

  /** Of roles that are not there, in Postgres's words (InitializeSessionUserId in miscinit.c). */
  static ErrorMessage noSuchRole(String role) {
    return ErrorMessage.fatal(
        SqlState.INVALID_AUTHORIZATION_SPECIFICATION, "role \"" + role + "\" does not exist");
  }

  /** Of those who guess faster than they are answered. */
  static ErrorMessage tooManyGuesses() {
    return ErrorMessage.fatal(
            SqlState.TOO_MANY_CONNECTIONS, "too many failed authentications from this address")
        .withHint("Wait a few seconds before the next.");
  }

  /** Of plaintext where the listener demands TLS. */
  static ErrorMessage tlsRequired() {
    return ErrorMessage.fatal(
            SqlState.INVALID_AUTHORIZATION_SPECIFICATION,
            "this address accepts encrypted connections only")
        .withHint("Connect with sslmode=require, or better sslmode=verify-full.");
  }

  /** Of clients without a certificate, in Postgres's words (ClientAuthentication in auth.c). */
  static ErrorMessage clientCertificateRequired() {
    return ErrorMessage.fatal(
        SqlState.INVALID_AUTHORIZATION_SPECIFICATION,
        "connection requires a valid client certificate");
  }

  /** In Postgres's words (ProcessStartupPacket in backend_startup.c). */
  static ErrorMessage unencryptedAfterSslRequest() {
    return ErrorMessage.fatal(
            SqlState.PROTOCOL_VIOLATION, "received unencrypted data after SSL request")
        .withDetail(
            "This could be either a client-software bug or evidence of an attempted"
                + " man-in-the-middle attack.");
  }

  /** Of a listener that has no place left. */
  static ErrorMessage tooManyOnListener(int limit) {
    return tooMany("This address accepts %d connections (max-connections).".formatted(limit));
  }

  /** Of a client address that has no place left. */
  static ErrorMessage tooManyFromAddress(int limit) {
    return tooMany(
        "A client address may have %d connections (connections-per-address).".formatted(limit));
  }

  /** Of a branch that has no place left. */
  static ErrorMessage tooManyOnBranch(String branch, int limit) {
    return tooMany(
        "Branch \"%s\" may have %d sessions (connections-per-branch).".formatted(branch, limit));
  }

  /** In Postgres's words (ProcessStartupPacket in backend_startup.c). */
  private static ErrorMessage tooMany(String which) {
    return ErrorMessage.fatal(SqlState.TOO_MANY_CONNECTIONS, "sorry, too many clients already")
        .withDetail(which);
  }

  /** Of a branch whose Postgres had no place for another backend, for as long as one may wait. */
  static ErrorMessage noPlace(String branch) {
    return tooMany(
        "Every connection that the Postgres of branch \"%s\" may have was in use."
            .formatted(branch));
  }

  /** Of bearer tokens that came over a network unencrypted. */
  static ErrorMessage bearerNotAllowed() {
    return ErrorMessage.fatal(
            SqlState.INVALID_AUTHORIZATION_SPECIFICATION,
            "a token in full is accepted over TLS or from this host only")
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
          RouteFailure.NoSuchBaseline _,
          RouteFailure.NoSuchToken _,
          RouteFailure.NotQuarantined _ ->
          SqlState.INVALID_CATALOG_NAME;
      case RouteFailure.Malformed _, RouteFailure.Conflicting _, RouteFailure.InvalidValue _ ->
          SqlState.INVALID_PARAMETER_VALUE;
      case RouteFailure.BadToken _, RouteFailure.TokenNotGood _ -> SqlState.INVALID_PASSWORD;
      case RouteFailure.NotGranted _,
          RouteFailure.Forbidden _,
          RouteFailure.ReplicationForbidden _ ->
          SqlState.INVALID_AUTHORIZATION_SPECIFICATION;
      case RouteFailure.BranchFull _ -> SqlState.DISK_FULL;
      case RouteFailure.NoRoom _ -> SqlState.CONFIGURATION_LIMIT_EXCEEDED;
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
      case RouteFailure.SuspendedByHand _,
          RouteFailure.IdleDisconnected _,
          RouteFailure.TokenRevoked _,
          RouteFailure.ShuttingDown _ ->
          SqlState.ADMIN_SHUTDOWN;
    };
  }
}
