package io.vela.admin;

import java.util.Locale;

/**
 * The kinds of problem, each with the HTTP status that it always has. The name in lower case with
 * hyphens is the code that programs may rely on.
 */
enum ProblemType {
  MALFORMED(400, "The request is malformed"),
  NO_BRANCH_NAMED(400, "No branch was named"),
  UNAUTHORIZED(401, "A token is needed"),
  BAD_TOKEN(401, "The token is not valid"),
  FORBIDDEN(403, "A rule forbids it"),
  NOT_FOUND(404, "There is nothing here"),
  NO_SUCH_BRANCH(404, "The branch does not exist"),
  NO_SUCH_BASELINE(404, "The baseline does not exist"),
  NO_SUCH_TOKEN(404, "The token does not exist"),
  NOT_QUARANTINED(404, "No such volume is in quarantine"),
  NO_SUCH_OPERATION(404, "The operation does not exist"),
  METHOD_NOT_ALLOWED(405, "The method is not allowed here"),
  ALREADY_EXISTS(409, "The name is taken"),
  IN_USE(409, "It is in use"),
  TOKEN_NOT_GOOD(409, "The token is revoked or expired"),
  BRANCH_DELETED(410, "The branch has been deleted"),
  TOO_LARGE(413, "The request is too large"),
  MISDIRECTED(421, "This server is not called so"),
  UNSUPPORTED_SOURCE(422, "The source cannot be imported"),
  BINARIES_MISSING(422, "Postgres programs are missing"),
  INVALID_CONFIGURATION(422, "The configuration cannot be used"),
  AGENT_FAILED(500, "The agent could not do it"),
  INTERNAL(500, "Vela made a mistake"),
  SOURCE_FAILED(502, "The source could not be read"),
  CATALOG_UNAVAILABLE(503, "The catalogue cannot be reached"),
  SHUTTING_DOWN(503, "Vela is shutting down"),
  NO_ROOM(503, "As many branches run as may"),
  TIMED_OUT(504, "It took too long"),
  POOL_FULL(507, "The pool is full");

  private final int status;
  private final String title;

  ProblemType(int status, String title) {
    this.status = status;
    this.title = title;
  }

  int status() {
    return status;
  }

  String title() {
    return title;
  }

  String code() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
