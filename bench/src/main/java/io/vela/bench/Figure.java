package io.vela.bench;

/**
 * One line of the report: Vela beside its reference, measured in turn in the same run.
 *
 * @param what was measured
 * @param unit of both samples
 * @param vela through Vela
 * @param reference what it is held against
 * @param referenceName what the reference is
 * @param bar what the ratio of the medians must reach
 */
record Figure(
    String what, String unit, Sample vela, Sample reference, String referenceName, Bar bar) {
  /** Vela's median divided by the reference's. */
  double ratio() {
    return vela.median() / reference.median();
  }

  /**
   * A bound on the ratio.
   *
   * @param limit the bound
   * @param atMost whether the ratio may not exceed it; else it may not be below it
   */
  record Bar(double limit, boolean atMost) {
    /** Of a figure that is told for comparison. */
    static final Bar NONE = new Bar(Double.POSITIVE_INFINITY, true);

    static Bar atMost(double limit) {
      return new Bar(limit, true);
    }

    static Bar atLeast(double limit) {
      return new Bar(limit, false);
    }

    boolean met(double ratio) {
      return atMost ? ratio <= limit : ratio >= limit;
    }

    @Override
    public String toString() {
      return equals(NONE) ? "none" : (atMost ? "<= " : ">= ") + limit;
    }
  }
}
