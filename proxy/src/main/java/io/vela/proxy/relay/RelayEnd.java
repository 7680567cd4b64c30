package io.vela.proxy.relay;

/** What ended a relay: the first thing that happened, whatever followed from it. */
public enum RelayEnd {
  /** The client sent Terminate. */
  CLIENT_TERMINATED,
  /** The client closed or lost its connection without Terminate. */
  CLIENT_LEFT,
  /** The backend said FATAL and closed. */
  BACKEND_CLOSED,
  /** The backend closed without a word. */
  BACKEND_VANISHED,
  /** {@link RelayPair#terminate} or {@link RelayPair#close} was called. */
  TERMINATED
}
