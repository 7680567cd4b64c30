package io.vela.agent.postgres;

import java.util.List;

/**
 * The libraries that a copied configuration loads, without those that a clone cannot or must not
 * load. Determined once, when a snapshot is prepared.
 *
 * @param shared {@code shared_preload_libraries}
 * @param session {@code session_preload_libraries}
 * @param local {@code local_preload_libraries}
 * @param dropped the entries left out, of all three
 */
public record Preload(
    List<String> shared, List<String> session, List<String> local, List<String> dropped) {
  /** Nothing is loaded. */
  public static final Preload NONE = new Preload(List.of(), List.of(), List.of(), List.of());

  public Preload {
    shared = List.copyOf(shared);
    session = List.copyOf(session);
    local = List.copyOf(local);
    dropped = List.copyOf(dropped);
  }
}
