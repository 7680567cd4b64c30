package io.vela.proxy.park;

import io.vela.proxy.wire.RawMessage;
import java.util.Optional;

/** What came of {@link Capture}. */
public sealed interface Captured {
  /** All there is. The backend is as it was; when it is closed, nothing is lost. */
  record Memory(SessionMemory memory) implements Captured {}

  /**
   * The session has something that no other backend can be given; its own is as it was.
   *
   * @param detail names it
   */
  record Vetoed(VetoReason reason, String detail) implements Captured {}

  /**
   * It could not be found out.
   *
   * @param cause for the log
   * @param backendLost whether the backend is of no more use; else it is as it was
   * @param farewell the ErrorResponse by which the backend ended the session itself, whole
   */
  record Failed(String cause, boolean backendLost, Optional<RawMessage> farewell)
      implements Captured {}
}
