package io.vela.proxy.park;

import io.vela.proxy.wire.RawMessage;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What only who stands between can know of a session. All strings are bytes as ISO 8859-1.
 *
 * @param customSettings names with a dot that the session's statements and startup options have set
 * @param unseenSettings whether its statements have made settings whose names did not stand in them
 * @param loads what its LOAD statements named
 * @param functions names, in lower case, of functions with a lasting effect that it has called: see
 *     {@link io.vela.proxy.wire.SqlScan}
 * @param parameters what was reported by ParameterStatus at startup
 * @param unnamedStatement the Parse message, whole, of the unnamed statement if there is one
 * @param stale what {@link Restore} found to be stale on this backend, in that order
 */
public record SeenState(
    Set<String> customSettings,
    boolean unseenSettings,
    List<String> loads,
    Set<String> functions,
    Set<String> parameters,
    Optional<RawMessage> unnamedStatement,
    List<StaleStatement> stale) {
  /** Of a session that did nothing of the kind. */
  public static final SeenState NOTHING =
      new SeenState(Set.of(), false, List.of(), Set.of(), Set.of(), Optional.empty(), List.of());

  /** Keeps unmodifiable copies. */
  public SeenState {
    customSettings = Set.copyOf(customSettings);
    loads = List.copyOf(loads);
    functions = Set.copyOf(functions);
    parameters = Set.copyOf(parameters);
    stale = List.copyOf(stale);
  }
}
