package io.vela.agent;

/**
 * Whether the pool can be written.
 *
 * @param writable whether it could be when last tried
 * @param problem what is wrong or about to be, for a person; empty when nothing is
 */
public record PoolHealth(boolean writable, String problem) {
  /** Nothing is wrong. */
  public static final PoolHealth GOOD = new PoolHealth(true, "");
}
