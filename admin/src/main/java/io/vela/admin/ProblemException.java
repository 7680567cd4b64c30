package io.vela.admin;

/** Carries a {@link Problem} that was found while reading a request to where it is told. */
final class ProblemException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient Problem problem;

  ProblemException(Problem problem) {
    super(problem.detail());
    this.problem = problem;
  }

  /** A request that is not of the right form. */
  static ProblemException malformed(String detail) {
    return new ProblemException(new Problem(ProblemType.MALFORMED, detail));
  }

  Problem problem() {
    return problem;
  }
}
