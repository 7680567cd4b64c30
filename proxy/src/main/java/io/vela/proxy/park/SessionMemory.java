package io.vela.proxy.park;

import com.github.benmanes.caffeine.cache.Interner;
import io.vela.proxy.wire.RawMessage;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A session's state without a backend. Thousands are kept: strings have one byte a character (they
 * are bytes as ISO 8859-1), what sessions have in common is kept once, a whole state too, and there
 * is no map.
 */
public final class SessionMemory {
  private static final Interner<List<String>> LISTS = Interner.newWeakInterner();
  private static final Interner<SessionMemory> ALL = Interner.newWeakInterner();

  private final List<String> settings;
  private final List<String> inherited;
  private final List<String> parameters;
  private final List<String> channels;
  private final List<String> loads;
  private final String role;
  private final String sessionAuthorization;
  private final List<PreparedStatement> statements;
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
    statements = List.copyOf(builder.statements);
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
    return ALL.intern(new SessionMemory(this, parse));
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
      return ALL.intern(new SessionMemory(this));
    }
  }

  /** Whether it waits for notifications. */
  public boolean isListening() {
    return !channels.isEmpty();
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
    return channels;
  }

  List<String> loads() {
    return loads;
  }

  String role() {
    return role;
  }

  String sessionAuthorization() {
    return sessionAuthorization;
  }

  List<PreparedStatement> statements() {
    return statements;
  }

  /** A Parse message, whole. */
  Optional<RawMessage> unnamedStatement() {
    return unnamedStatement;
  }

  private List<Object> parts() {
    return List.of(
        settings,
        inherited,
        parameters,
        channels,
        loads,
        role,
        sessionAuthorization,
        statements,
        unnamedStatement,
        idleSessionTimeoutMillis);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SessionMemory memory && memory.parts().equals(parts());
  }

  @Override
  public int hashCode() {
    return parts().hashCode();
  }

  private static List<String> pairs(Map<String, String> map) {
    var flat = new ArrayList<String>(2 * map.size());
    map.forEach(
        (name, value) -> {
          flat.add(name);
          flat.add(value);
        });
    return shared(flat);
  }

  private static List<String> shared(List<String> strings) {
    return LISTS.intern(strings.stream().map(String::intern).toList());
  }

  private static Map<String, String> map(List<String> pairs) {
    var map = LinkedHashMap.<String, String>newLinkedHashMap(pairs.size() / 2);
    for (int i = 0; i < pairs.size(); i += 2) {
      map.put(pairs.get(i), pairs.get(i + 1));
    }
    return map;
  }
}
