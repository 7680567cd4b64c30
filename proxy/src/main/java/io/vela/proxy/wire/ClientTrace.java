package io.vela.proxy.wire;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.netty.buffer.Unpooled;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * What a client has said that outlives the moment: what no later question to Postgres would tell of
 * its session, and whether it wanted anything but to know that its connection is alive. Lives as
 * long as the session, over all backends that serve it. One thread at a time.
 *
 * <p>The unnamed statement (Postgres documentation, section 54.2.3) is known by its Parse message,
 * as no catalogue lists it. It is replaced by a Parse, successful or not, and gone after a Query. A
 * Parse that the server may have skipped after an error leaves it open which of two is there.
 */
public final class ClientTrace {
  /** Texts that are longer are not looked into, in bytes. */
  static final int LONGEST_TEXT = 1 << 16;

  /** More names than that are not kept. */
  private static final int MOST_NAMES = 200;

  private static final int SHORTEST_WORD = 3;
  private static final String[] SCOPES = {"session", "local"};

  private Pings pings;
  private long uses;
  private Optional<byte[]> unnamed = Optional.empty();
  private Optional<byte[]> unnamedPending = Optional.empty();
  private boolean unnamedFirst;
  private boolean unnamedFailed;
  private boolean unnamedCertain = true;
  private OptionalInt unnamedPing = OptionalInt.empty();

  // Most sessions have none of these.
  private Map<String, Integer> pingStatements = Map.of();
  private Set<String> customSettings = Set.of();
  private Set<String> libraries = Set.of();
  private Set<String> functions = Set.of();
  private boolean overlooked;

  /**
   * @param pings what does not count as use
   */
  public ClientTrace(Pings pings) {
    this.pings = pings;
  }

  /** From now on these do not count as use. */
  public void pings(Pings now) {
    pings = now;
  }

  /** What does not count as use. */
  public Pings pings() {
    return pings;
  }

  /** How often the client has asked for something else than pings. Never falls. */
  public long uses() {
    return uses;
  }

  /** The Parse message, whole, that made the unnamed statement; empty when there is none. */
  public Optional<RawMessage> unnamedParse() {
    return unnamedPending
        .or(() -> unnamed)
        .map(content -> RawMessage.of(FrontendType.PARSE, Unpooled.wrappedBuffer(content)));
  }

  /** Whether it is known what the unnamed statement is, now that nothing is in flight. */
  public boolean isUnnamedCertain() {
    return unnamedCertain;
  }

  /** Names of custom settings that the client may have made. */
  public Set<String> customSettings() {
    return Collections.unmodifiableSet(customSettings);
  }

  /** Libraries that the client may have loaded, in that order. */
  public Set<String> libraries() {
    return Collections.unmodifiableSet(libraries);
  }

  /** Functions with a lasting effect that the client may have called: see {@link SqlScan}. */
  public Set<String> functions() {
    return Collections.unmodifiableSet(functions);
  }

  /**
   * Whether it may have made custom settings whose names were not seen: a text was too long to look
   * into, or did not have them.
   */
  public boolean overlooked() {
    return overlooked;
  }

  /** What {@link Pings#match} says of a prepared statement; empty for the unnamed one. */
  OptionalInt pingStatement(String name) {
    if (name.isEmpty()) {
      return unnamedPing;
    }
    var number = pingStatements.get(name);
    return number == null ? OptionalInt.empty() : OptionalInt.of(number);
  }

  /** The client asked for something. */
  void used() {
    uses++;
  }

  /** Whether a Bind may be a ping, so that it matters what it binds. */
  boolean mayBindPing() {
    return unnamedPing.isPresent() || !pingStatements.isEmpty();
  }

  /** A Query came, whose text was not kept. */
  void queriedAtLength() {
    overlooked = true;
    uses++;
    unnamedGone();
  }

  /** A Query came. */
  void queried(byte[] text, int length) {
    if (pings.match(text, 0, length).isEmpty()) {
      uses++;
      look(text, 0, length);
    }
    unnamedGone();
  }

  private void unnamedGone() {
    unnamed = Optional.empty();
    unnamedPending = Optional.empty();
    unnamedCertain = true;
    unnamedPing = OptionalInt.empty();
  }

  /**
   * A Parse came.
   *
   * @param content of the message, whole
   * @param first whether nothing was in flight or open before it
   */
  public void parsed(byte[] content, int length, boolean first) {
    int nameEnd = end(content, 0, length);
    int textEnd = end(content, nameEnd + 1, length);
    if (nameEnd < 0 || textEnd < 0) {
      uses++; // malformed: Postgres says so
      return;
    }
    var ping = pings.match(content, nameEnd + 1, textEnd);
    if (ping.isEmpty()) {
      uses++;
      look(content, nameEnd + 1, textEnd);
    }
    if (nameEnd == 0) {
      unnamedPing = ping;
      if (unnamedPending.isEmpty()) {
        unnamedFirst = first;
        unnamedFailed = false;
      } else {
        unnamedFirst = false;
      }
      unnamedPending = Optional.of(Arrays.copyOf(content, length));
    } else {
      var name = new String(content, 0, nameEnd, ISO_8859_1);
      if (ping.isPresent()) {
        if (pingStatements.isEmpty()) {
          pingStatements = new HashMap<>();
        }
        pingStatements.put(name, ping.getAsInt());
      } else if (!pingStatements.isEmpty()) {
        pingStatements.remove(name);
      }
    }
  }

  /** A Parse came that is too long to keep. */
  void parsedAtLength() {
    uses++;
    overlooked = true;
    unnamed = Optional.empty();
    unnamedPending = Optional.empty();
    unnamedPing = OptionalInt.empty();
    unnamedCertain = false;
  }

  /** A Bind came: at least the names at its beginning, if they are not longer than that. */
  void bound(byte[] content, int length) {
    int portalEnd = end(content, 0, length);
    int nameEnd = portalEnd < 0 ? -1 : end(content, portalEnd + 1, length);
    if (nameEnd < 0
        || pingStatement(new String(content, portalEnd + 1, nameEnd - portalEnd - 1, ISO_8859_1))
            .isEmpty()) {
      uses++;
    }
  }

  /** A Close came. */
  void closed(byte[] content, int length) {
    if (length > 1 && content[0] == 'S') {
      int nameEnd = end(content, 1, length);
      if (nameEnd == 1) {
        unnamedGone();
      } else if (nameEnd > 1 && !pingStatements.isEmpty()) {
        pingStatements.remove(new String(content, 1, nameEnd - 1, ISO_8859_1));
      }
    }
  }

  /** The server told an error. */
  void failed() {
    unnamedFailed = true;
  }

  /** The server has answered everything. */
  void settled() {
    if (unnamedPending.isPresent()) {
      unnamed = unnamedPending;
      unnamedCertain = !unnamedFailed || unnamedFirst;
      unnamedPending = Optional.empty();
    }
  }

  private static int end(byte[] content, int from, int to) {
    for (int i = from; i < to; i++) {
      if (content[i] == 0) {
        return i;
      }
    }
    return -1;
  }

  private void look(byte[] text, int from, int to) {
    boolean telling = false;
    for (int i = from; i + SHORTEST_WORD < to; i++) {
      switch (text[i] | 0x20) {
        case 's' -> telling |= is("set", text, i, to) && mayMakeSetting(text, i + 3, to);
        case 'l' -> telling |= is("load", text, i, to);
        case 'p' ->
            telling |= is("pg_backup_start", text, i, to) || is("pg_start_backup", text, i, to);
        case 'd' -> {
          telling |= is("dblink_connect", text, i, to);
          if (is("deallocate", text, i, to) || is("discard", text, i, to)) {
            pingStatements = Map.of();
          }
        }
        default -> {}
      }
    }
    if (telling) {
      take(SqlScan.traces(new String(text, from, to - from, ISO_8859_1), true));
    }
  }

  private static boolean is(String word, byte[] text, int from, int to) {
    if (to - from < word.length()) {
      return false;
    }
    for (int i = 0; i < word.length(); i++) {
      int letter = text[from + i];
      if ((letter >= 'A' && letter <= 'Z' ? letter | 0x20 : letter) != word.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  /** Most texts with SET are updates: those only which name something with a dot matter. */
  private static boolean mayMakeSetting(byte[] text, int afterSet, int to) {
    if (is("_config", text, afterSet, to)) {
      return true;
    }
    int index = skipBlanks(text, afterSet, to);
    for (var word : SCOPES) {
      if (is(word, text, index, to)) {
        index = skipBlanks(text, index + word.length(), to);
      }
    }
    for (; index < to; index++) {
      byte letter = text[index];
      if (letter == '.' || letter == '/' || letter == '-' || letter == '%') {
        return true;
      }
      if (letter == '=' || letter == ',' || letter == ';' || letter == '(' || isBlank(letter)) {
        return false;
      }
    }
    return false;
  }

  private static boolean isBlank(byte letter) {
    return letter == ' ' || (letter >= '\t' && letter <= '\r');
  }

  private static int skipBlanks(byte[] text, int from, int to) {
    int index = from;
    while (index < to && isBlank(text[index])) {
      index++;
    }
    return index;
  }

  private void take(SqlScan.Traces found) {
    overlooked |= found.unseenSettings();
    customSettings = joined(customSettings, found.customSettings());
    libraries = joined(libraries, found.loads());
    functions = joined(functions, found.functions());
  }

  private Set<String> joined(Set<String> before, Collection<String> found) {
    if (found.isEmpty()) {
      return before;
    }
    var known = new LinkedHashSet<>(before);
    for (var name : found) {
      if (known.size() < MOST_NAMES) {
        known.add(name);
      } else {
        overlooked |= !known.contains(name);
      }
    }
    return known;
  }
}
