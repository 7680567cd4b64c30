package io.vela.agent;

/** Carries a {@link CloneFailure} to where it is told. */
public final class CloneException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient CloneFailure failure;

  public CloneException(CloneFailure failure) {
    super(failure.message());
    this.failure = failure;
  }

  public CloneException(CloneFailure failure, Throwable cause) {
    super(failure.message(), cause);
    this.failure = failure;
  }

  /** What went wrong. */
  public CloneFailure failure() {
    return failure;
  }
}
