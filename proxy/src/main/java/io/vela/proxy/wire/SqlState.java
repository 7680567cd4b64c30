package io.vela.proxy.wire;

/**
 * The error codes that Vela itself sends, with what each means here. Codes are those of the
 * PostgreSQL documentation, appendix A.
 */
public enum SqlState {
  /** A packet is malformed, too long, or not what the protocol allows at this point. */
  PROTOCOL_VIOLATION("08P01"),
  /** The client asks for a protocol version or feature that is not served. */
  FEATURE_NOT_SUPPORTED("0A000"),
  /** The branch name is malformed, or two places name different branches. */
  INVALID_PARAMETER_VALUE("22023"),
  /** A rule refuses this client: address, TLS, role, or no user named at all. */
  INVALID_AUTHORIZATION_SPECIFICATION("28000"),
  /** Wrong password, unknown user, bad or expired token; the client is not told which. */
  INVALID_PASSWORD("28P01"),
  /** No branch is named, or it does not exist and may not be created. */
  INVALID_CATALOG_NAME("3D000"),
  /** The pool has no room left. */
  DISK_FULL("53100"),
  /** A connection limit is reached. */
  TOO_MANY_CONNECTIONS("53300"),
  /** A quota is used up: branches, running instances or size. */
  CONFIGURATION_LIMIT_EXCEEDED("53400"),
  /** The client has cancelled what it waited for. */
  QUERY_CANCELED("57014"),
  /** Vela shuts down, or the branch was suspended or reset under the client. */
  ADMIN_SHUTDOWN("57P01"),
  /** The branch's instance died under the client. */
  CRASH_SHUTDOWN("57P02"),
  /** The branch could not be made or woken, or not in time. */
  CANNOT_CONNECT_NOW("57P03"),
  /** The branch was deleted under the client. */
  DATABASE_DROPPED("57P04"),
  /** A parked client was idle for longer than its session's own bound. */
  IDLE_SESSION_TIMEOUT("57P05"),
  /** A fault of Vela's own. */
  INTERNAL_ERROR("XX000");

  private final String code;

  SqlState(String code) {
    this.code = code;
  }

  /** The five characters that go over the wire. */
  public String code() {
    return code;
  }
}
