package io.vela.proxy.session;

/** What a session is doing, for those who look from outside. */
public enum Phase {
  /** Not yet relaying. */
  STARTING,
  /** Something is in flight. */
  ACTIVE,
  /** Nothing is in flight. */
  IDLE,
  /** It has no backend, and wants nothing. */
  PARKED
}
