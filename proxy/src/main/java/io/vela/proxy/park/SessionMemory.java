package io.vela.proxy.park;

import io.vela.proxy.wire.RawMessage;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A session's state without a backend. Thousands are kept: strings have one byte a character (they
 * are bytes as ISO 8859-1), those that sessions have in common are kept once, and there is no map.
 */
public final class SessionMemory {
  private static final String[] NONE = {};

  private final String[] settings;
  private final String[] inherited;
  private final String[] parameters;
  private final String[] channels;
  private final String[] loads;
  private final String role;
  private final String sessionAuthorization;
  private final PreparedStatement[] statements;
  private final Optional<RawMessage> unnamedStatement;
  private final long idleSessionTimeoutMillis;

  private SessionMemory(Builder builder) {
    settings = pairs(builder.settings);
    inherited = pairs(builder.inherited);
    parameters = pairs(builder.parameters);
    channels = shared(builder.channels);
    loads = shared(builder.loads);
    role = builder.role.intern();
    sessionAuthorization = builder.sessionAuthorization.intern();
    statements = builder.statements.toArray(PreparedStatement[]::new);
    unnamedStatement = builder.unnamedStatement;
    idleSessionTimeoutMillis = builder.idleSessionTimeoutMillis;
  }

  private SessionMemory(SessionMemory other, Optional<RawMessage> unnamed) {
    settings = other.settings;
    inherited = other.inherited;
    parameters = other.parameters;
    channels = other.channels;
    loads = other.loads;
    role = other.role;
    sessionAuthorization = other.sessionAuthorization;
    statements = other.statements;
    unnamedStatement = unnamed;
    idleSessionTimeoutMillis = other.idleSessionTimeoutMillis;
  }

  /**
   * The same with another unnamed statement: pings that were answered without a backend change it.
   *
   * @param parse its Parse message
   */
  public SessionMemory withUnnamedStatement(Optional<RawMessage> parse) {
    return new SessionMemory(this, parse);
  }

  /** Collects it. */
  static final class Builder {
    final Map<String, String> settings = new LinkedHashMap<>();
    final Map<String, String> inherited = new LinkedHashMap<>();
    final Map<String, String> parameters = new LinkedHashMap<>();
    final List<String> channels = new ArrayList<>();
    final List<String> loads = new ArrayList<>();
    final List<PreparedStatement> statements = new ArrayList<>();
    String role = "none";
    String sessionAuthorization = "";
    Optional<RawMessage> unnamedStatement = Optional.empty();
    long idleSessionTimeoutMillis;

    SessionMemory build() {
      return new SessionMemory(this);
    }
  }

  /** Whether it waits for notifications. */
  public boolean isListening() {
    return channels.length > 0;
  }

  /** Its {@code idle_session_timeout} in milliseconds; 0 for none. */
  public long idleSessionTimeoutMillis() {
    return idleSessionTimeoutMillis;
  }

  /** What the client has been told by ParameterStatus; bytes as ISO 8859-1. */
  public Map<String, String> parameterStatus() {
    return map(parameters);
  }

  /** Made by the session itself. */
  Map<String, String> settings() {
    return map(settings);
  }

  /** What the role or the database gave it at its start, and custom ones. */
  Map<String, String> inherited() {
    return map(inherited);
  }

  List<String> channels() {
    return List.of(channels);
  }

  List<String> loads() {
    return List.of(loads);
  }

  String role() {
    return role;
  }

  String sessionAuthorization() {
    return sessionAuthorization;
  }

  List<PreparedStatement> statements() {
    return List.of(statements);
  }

  /** A Parse message, whole. */
  Optional<RawMessage> unnamedStatement() {
    return unnamedStatement;
  }

  private static String[] pairs(Map<String, String> map) {
    var flat = new ArrayList<String>(2 * map.size());
    map.forEach(
        (name, value) -> {
          flat.add(name);
          flat.add(value);
        });
    return shared(flat);
  }

  /** Equal strings of all sessions are one. */
  private static String[] shared(List<String> strings) {
    return strings.isEmpty() ? NONE : strings.stream().map(String::intern).toArray(String[]::new);
  }

  private static Map<String, String> map(String[] pairs) {
    var map = LinkedHashMap.<String, String>newLinkedHashMap(pairs.length / 2);
    for (int i = 0; i < pairs.length; i += 2) {
      map.put(pairs[i], pairs[i + 1]);
    }
    return map;
  }
}
