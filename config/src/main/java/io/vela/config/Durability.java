package io.vela.config;

/** What a branch promises about a commit that it has acknowledged. */
public enum Durability {
  /** As configured in its data: a commit survives a crash of the host. */
  FULL,
  /** {@code synchronous_commit=off}: a crash of Postgres or the host may lose the last moments. */
  RELAXED,
  /** {@code fsync=off}: a crash of the host may lose the branch. For throw-away branches. */
  NONE
}
