package io.vela.proxy.park;

import java.util.Optional;

/** A backend that can be talked to no more. */
final class BackendLost extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient Optional<byte[]> farewell;

  BackendLost(String cause, Optional<byte[]> farewell) {
    super(cause, null, false, false);
    this.farewell = farewell;
  }

  /** The ErrorResponse by which the backend ended the session. */
  Optional<byte[]> farewell() {
    return farewell;
  }
}
