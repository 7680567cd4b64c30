package io.vela.proxy.park;

import io.vela.proxy.wire.RawMessage;
import java.util.Optional;

/** A backend that can be talked to no more. */
final class BackendLost extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient Optional<RawMessage> farewell;

  BackendLost(String cause, Optional<RawMessage> farewell) {
    super(cause, null, false, false);
    this.farewell = farewell;
  }

  /** The ErrorResponse by which the backend ended the session. */
  Optional<RawMessage> farewell() {
    return farewell;
  }
}
