package io.vela.proxy.wire;

/** What a peer sent is not what the protocol allows; carries what it should be told. */
public final class ProtocolViolation extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient ErrorMessage error;

  /**
   * Made where the fault is found.
   *
   * @param error for the peer, when it is a client
   */
  public ProtocolViolation(ErrorMessage error) {
    // The peer's fault and no surprise: a stack trace would only cost time under an attack.
    super(error.message(), null, false, false);
    this.error = error;
  }

  /** The ordinary kind: FATAL, 08P01. */
  public static ProtocolViolation of(String message) {
    return new ProtocolViolation(ErrorMessage.fatal(SqlState.PROTOCOL_VIOLATION, message));
  }

  /**
   * A startup packet of a protocol that is not served: 0A000, in Postgres's words
   * (ProcessStartupPacket in backend_startup.c).
   *
   * @param version the major version in its upper half, the minor version in its lower
   */
  public static ProtocolViolation unsupportedVersion(int version) {
    return new ProtocolViolation(
        ErrorMessage.fatal(
            SqlState.FEATURE_NOT_SUPPORTED,
            "unsupported frontend protocol %d.%d: server supports 3.0 to 3.2"
                .formatted(version >>> 16, version & 0xffff)));
  }

  /** What a client that did this is told. */
  public ErrorMessage error() {
    return error;
  }
}
