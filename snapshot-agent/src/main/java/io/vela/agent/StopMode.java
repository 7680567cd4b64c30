package io.vela.agent;

import java.util.Locale;

/** How an instance is stopped, the gentlest first (Postgres documentation, section 18.5). */
public enum StopMode {
  /** Sessions are ended and a checkpoint is written. */
  FAST,
  /** No checkpoint is written: the next start recovers. Nothing committed is lost. */
  IMMEDIATE,
  /** Each of its processes is killed. As after {@link #IMMEDIATE}, the next start recovers. */
  KILL;

  /** For a person. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
