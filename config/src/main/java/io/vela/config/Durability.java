package io.vela.config;

/** What a branch promises about a commit that it has acknowledged. */
public enum Durability {
  /** {@code fsync=on}, {@code synchronous_commit=on}: nothing is lost, whatever crashes. */
  FULL("nothing acknowledged is lost, whatever crashes"),
  /**
   * {@code synchronous_commit=off}: a crash of Postgres or of the host may lose the last moments
   * (three times {@code wal_writer_delay}, Postgres documentation, section 30.4), never
   * consistency.
   */
  ASYNC(
      "a crash of Postgres or of the host may lose what was acknowledged in the last 0.6 s, and"
          + " leaves the data consistent"),
  /**
   * {@code fsync=off} on files that are copied on write in a file system that flushes all of them
   * with each commit of its own: the kernel has a commit when it is acknowledged, and the disk some
   * seconds later. Elsewhere as {@link #FULL}.
   */
  RELAXED(
      "nothing acknowledged is lost when Postgres crashes; a crash of the host takes it back by"
          + " some seconds and may, rarely, leave it inconsistent"),
  /** {@code fsync=off} anywhere: a crash of the host may lose the branch. */
  NONE("a crash of Postgres may lose the last moments, a crash of the host the branch");

  private final String promise;

  Durability(String promise) {
    this.promise = promise;
  }

  /** What it promises, for a person. */
  public String promise() {
    return promise;
  }

  /** As it is written in {@code vela.yaml}. */
  public String label() {
    return switch (this) {
      case FULL -> "full";
      case ASYNC -> "async";
      case RELAXED -> "relaxed";
      case NONE -> "none";
    };
  }

  /**
   * Parses {@code full}, {@code async}, {@code relaxed} or {@code none}.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static Durability parse(String text) {
    for (var durability : values()) {
      if (durability.label().equals(text)) {
        return durability;
      }
    }
    throw new IllegalArgumentException(
        "\"" + text + "\" is not a durability; expected full, async, relaxed or none");
  }
}
