package io.vela.proxy.session;

/** How a session ended: one each, for metrics and the log. */
public enum Ending {
  /** The client was served and left. */
  SERVED("served"),
  /** The client left before it was served. */
  GAVE_UP("gave_up"),
  /** The client was refused with an error of Vela's. */
  REFUSED("refused"),
  /** The client did not authenticate in time. */
  TIMED_OUT("timed_out"),
  /** The client did not speak the protocol. */
  MALFORMED("malformed"),
  /** The TLS handshake failed. */
  TLS_FAILED("tls_failed"),
  /** The connection brought a cancel request. */
  CANCEL_REQUEST("cancel_request"),
  /** Postgres ended the session and told the client why. */
  ENDED_BY_POSTGRES("ended_by_postgres"),
  /** The client was idle for longer than its session's own bound. */
  TIMED_OUT_IDLE("idle_session_timeout"),
  /** The backend vanished. */
  BACKEND_LOST("backend_lost"),
  /** The session had to let go of its branch, or Vela stopped. */
  REVOKED("revoked");

  private final String label;

  Ending(String label) {
    this.label = label;
  }

  /** The metric label. */
  public String label() {
    return label;
  }
}
