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

  /** What a client that did this is told. */
  public ErrorMessage error() {
    return error;
  }
}
