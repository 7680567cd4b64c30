package io.vela.config;

/**
 * Whether sessions of a branch may be given a backend that is older than they are, which saves the
 * start of a process for each. A session can tell, so none is unless asked for; what differs stands
 * in docs/operations.md.
 *
 * @param reuse whether a backend serves one session after another, after {@code DISCARD ALL}
 * @param spare how many backends that have served nobody are connected ahead, for each role,
 *     database and set of startup parameters seen lately
 */
public record BackendPolicy(boolean reuse, int spare) {
  /** More would be a mistake: each takes one of the branch's {@code max_connections}. */
  private static final int MOST_SPARE = 16;

  /** Each session has a backend of its own, started for it. */
  public static final BackendPolicy DEFAULT = new BackendPolicy(false, 0);

  /**
   * @throws IllegalArgumentException for a number of spare backends that cannot be kept
   */
  public BackendPolicy {
    validSpare(spare);
  }

  /** Whether backends are kept at all. */
  public boolean keeps() {
    return reuse || spare > 0;
  }

  static int validSpare(int count) {
    if (count < 0 || count > MOST_SPARE) {
      throw new IllegalArgumentException("expected 0 to " + MOST_SPARE);
    }
    return count;
  }
}
