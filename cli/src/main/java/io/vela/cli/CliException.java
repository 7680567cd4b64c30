package io.vela.cli;

/** A refusal or failure that a person is told of in a line or two; the exit code is 1. */
public final class CliException extends Exception {
  private static final long serialVersionUID = 1L;

  private final String hint;

  public CliException(String message) {
    this(message, "");
  }

  /**
   * @param hint what to do about it; empty when nothing helps
   */
  public CliException(String message, String hint) {
    super(message);
    this.hint = hint;
  }

  public CliException(String message, String hint, Throwable cause) {
    super(message, cause);
    this.hint = hint;
  }

  /** What to do about it; empty when nothing helps. */
  public String hint() {
    return hint;
  }
}
