package io.vela.proxy.session;

import io.vela.config.value.BranchName;
import io.vela.proxy.tls.TlsHandshake;
import io.vela.proxy.wire.ErrorFields;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.router.RouteFailure;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the log says of one session: a line when it begins, one when it ends, one when it is
 * refused. What a client sent is escaped where the log is written. Connections that come and go
 * without asking for anything are told at debug level only.
 */
final class SessionLog {
  private static final Logger log = LoggerFactory.getLogger(Session.class);

  private final long id;
  private String client;
  private final long openedNanos = System.nanoTime();
  private String branch = "-";
  private String role = "-";
  private boolean begun;
  private String cause = "";

  SessionLog(long id, String client) {
    this.id = id;
    this.client = client;
  }

  long id() {
    return id;
  }

  /** A load balancer has told where the client is. */
  void cameFrom(String truly) {
    client = truly;
  }

  void secured(TlsHandshake handshake) {
    log.debug("session secured id={} client={} tls=\"{}\"", id, client, handshake.agreed());
  }

  void notSecured(String reason) {
    log.info("tls refused id={} client={} reason=\"{}\"", id, client, reason);
  }

  void closedAtOnce(String reason) {
    log.info("connection closed id={} client={} reason=\"{}\"", id, client, reason);
  }

  void asked(SessionRequest request) {
    branch = request.branch();
    role = request.address().role();
  }

  /**
   * @param proof what the client has proven itself by
   */
  void began(BranchName located, String proof) {
    branch = located.value();
    begun = true;
    log.info(
        "session began id={} branch={} role={} client={} auth={}", id, branch, role, client, proof);
  }

  /** Why the token that the client presented lets nobody in; its client is not told. */
  void badToken(RouteFailure.BadToken token) {
    cause = token.cause();
  }

  void refused(ErrorMessage error) {
    if (cause.isEmpty()) {
      log.info(
          "session refused id={} branch={} role={} client={} sqlstate={} message=\"{}\"",
          id,
          branch,
          role,
          client,
          error.state().code(),
          error.message());
    } else {
      log.info(
          "session refused id={} branch={} role={} client={} sqlstate={} message=\"{}\""
              + " cause=\"{}\"",
          id,
          branch,
          role,
          client,
          error.state().code(),
          error.message(),
          cause);
    }
  }

  void stale(BranchName located, int attempt, String cause) {
    log.info("instance gone id={} branch={} attempt={} cause=\"{}\"", id, located, attempt, cause);
  }

  /** Postgres itself refused the session; its client has been told. */
  void refusedByPostgres(ErrorFields error) {
    log.info(
        "session refused by postgres id={} branch={} role={} client={} sqlstate={} message=\"{}\"",
        id,
        branch,
        role,
        client,
        error.code(),
        error.message());
  }

  void parked() {
    log.debug("session parked id={} branch={} client={}", id, branch, client);
  }

  void failed(Throwable cause) {
    log.error("session failed id={} branch={} client={}", id, branch, client, cause);
  }

  void ended(Ending ending) {
    var level =
        begun || ending == Ending.TIMED_OUT
            ? org.slf4j.event.Level.INFO
            : org.slf4j.event.Level.DEBUG;
    log.atLevel(level)
        .log(
            "session ended id={} branch={} role={} client={} outcome={} millis={}",
            id,
            branch,
            role,
            client,
            ending.label(),
            TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - openedNanos));
  }
}
