package io.vela.proxy.relay;

/** Which way bytes go. */
public enum Direction {
  /** From the client to its backend. */
  TO_BACKEND,
  /** From the backend to its client. */
  TO_CLIENT
}
