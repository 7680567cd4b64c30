package io.vela.proxy.park;

import java.util.List;
import java.util.Map;

/** What came of {@link Restore}. */
public sealed interface Restored {
  /**
   * The backend has the session's state.
   *
   * @param parameterStatus what the backend has reported since its startup, last values, by name;
   *     bytes as ISO 8859-1
   * @param stale prepared statements that do not work any more: if there are any, {@link
   *     StaleErrors} belongs into the backend's pipeline
   */
  record Done(Map<String, String> parameterStatus, List<StaleStatement> stale) implements Restored {
    /** Keeps unmodifiable copies. */
    public Done {
      parameterStatus = Map.copyOf(parameterStatus);
      stale = List.copyOf(stale);
    }
  }

  /** It has not, and must be closed. */
  record Failed(String reason) implements Restored {}
}
