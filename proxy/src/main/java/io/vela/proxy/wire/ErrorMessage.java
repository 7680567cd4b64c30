package io.vela.proxy.wire;

/**
 * An error that Vela tells a client.
 *
 * @param severity how bad it is; after {@link Severity#FATAL} the connection is closed
 * @param state its code
 * @param message one line
 * @param detail more; empty when there is none
 * @param hint what to do about it; empty when nothing helps
 */
public record ErrorMessage(
    Severity severity, SqlState state, String message, String detail, String hint) {
  /** The severities that an ErrorResponse can have (section 54.8). */
  public enum Severity {
    /** The command failed, the connection goes on. */
    ERROR,
    /** The connection ends. */
    FATAL,
    /** All connections of the server end. */
    PANIC
  }

  /** An error that ends the connection, with nothing but its message. */
  public static ErrorMessage fatal(SqlState state, String message) {
    return new ErrorMessage(Severity.FATAL, state, message, "", "");
  }

  /** The same with a detail. */
  public ErrorMessage withDetail(String text) {
    return new ErrorMessage(severity, state, message, text, hint);
  }

  /** The same with a hint. */
  public ErrorMessage withHint(String text) {
    return new ErrorMessage(severity, state, message, detail, text);
  }
}
