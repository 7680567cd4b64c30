package io.vela.config;

/** What a branch promises about a commit that it has acknowledged. */
public enum Durability {
  /** As configured in its data: a commit survives a crash of the host. */
  FULL,
  /** {@code synchronous_commit=off}: a crash of Postgres or the host may lose the last moments. */
  RELAXED,
  /** {@code fsync=off}: a crash of the host may lose the branch. For throw-away branches. */
  NONE;

  /**
   * Parses {@code full}, {@code relaxed} or {@code none}.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static Durability parse(String text) {
    return switch (text) {
      case "full" -> FULL;
      case "relaxed" -> RELAXED;
      case "none" -> NONE;
      default ->
          throw new IllegalArgumentException(
              "\"" + text + "\" is not a durability; expected full, relaxed or none");
    };
  }
}
