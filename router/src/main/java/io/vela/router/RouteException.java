package io.vela.router;

/** Carries a {@link RouteFailure} to where it is told. */
public final class RouteException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient RouteFailure failure;

  public RouteException(RouteFailure failure) {
    super(failure.message());
    this.failure = failure;
  }

  public RouteException(RouteFailure failure, Throwable cause) {
    super(failure.message(), cause);
    this.failure = failure;
  }

  /** What went wrong. */
  public RouteFailure failure() {
    return failure;
  }
}
