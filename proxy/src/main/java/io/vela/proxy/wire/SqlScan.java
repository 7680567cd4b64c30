package io.vela.proxy.wire;

import io.vela.proxy.wire.SqlLexer.Kind;
import io.vela.proxy.wire.SqlLexer.Token;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * What SQL text tells without being understood: whether it is one statement, and what it leaves in
 * its session that no catalogue shows. Finds rather too much: a name that turns out not to be set,
 * or that stood in a string, does no harm. Strings may be bytes as ISO 8859-1.
 */
public final class SqlScan {
  /** Functions whose effect lasts as long as the session and cannot be asked for. */
  private static final Set<String> LASTING =
      Set.of("dblink_connect", "dblink_connect_u", "pg_backup_start", "pg_start_backup");

  /** Strings within strings within function bodies. */
  private static final int MAX_DEPTH = 4;

  /** Tokens of a call that are looked at. */
  private static final int MAX_CALL = 256;

  private final boolean standardStrings;
  private final Set<String> customSettings = new LinkedHashSet<>();
  private final List<String> loads = new ArrayList<>();
  private final Set<String> functions = new LinkedHashSet<>();
  private boolean unseen;

  private SqlScan(boolean standardStrings) {
    this.standardStrings = standardStrings;
  }

  /**
   * What a text leaves in its session.
   *
   * @param customSettings names with a dot in SET, RESET and set_config
   * @param unseenSettings whether set_config is called with a name that does not stand there
   * @param loads what LOAD statements name
   * @param functions those of lasting effect that stand in it: dblink_connect, dblink_connect_u,
   *     pg_backup_start, pg_start_backup
   */
  public record Traces(
      Set<String> customSettings,
      boolean unseenSettings,
      List<String> loads,
      Set<String> functions) {
    /** Of most statements. */
    public static final Traces NONE = new Traces(Set.of(), false, List.of(), Set.of());

    /** Keeps unmodifiable copies. */
    public Traces {
      customSettings = Set.copyOf(customSettings);
      loads = List.copyOf(loads);
      functions = Set.copyOf(functions);
    }

    /** Whether there is nothing. */
    public boolean isEmpty() {
      return equals(NONE);
    }
  }

  /**
   * The first word, in upper case, of a text that is one single statement; empty for none and for
   * several. A function body after BEGIN ATOMIC counts as several.
   *
   * @param standardStrings whether {@code standard_conforming_strings} is on
   */
  public static Optional<String> onlyStatement(String sql, boolean standardStrings) {
    var lexer = new SqlLexer(sql, standardStrings);
    var first = lexer.next();
    while (first.is(";")) {
      first = lexer.next();
    }
    int depth = 0;
    boolean ended = false;
    for (var token = first; token.kind() != Kind.END; token = lexer.next()) {
      if (token.is(";") && depth == 0) {
        ended = true;
      } else if (ended) {
        return Optional.empty();
      } else if (token.is("(")) {
        depth++;
      } else if (token.is(")")) {
        depth--;
      }
    }
    return first.kind() == Kind.WORD
        ? Optional.of(first.text().toUpperCase(Locale.ROOT))
        : Optional.empty();
  }

  /**
   * What a text of one or more statements leaves in its session. Costs next to nothing for texts
   * that leave nothing.
   *
   * @param standardStrings whether {@code standard_conforming_strings} is on
   */
  public static Traces traces(String sql, boolean standardStrings) {
    if (!mayLeaveTraces(sql)) {
      return Traces.NONE;
    }
    var scan = new SqlScan(standardStrings);
    scan.scan(sql, 0);
    return new Traces(scan.customSettings, scan.unseen, scan.loads, scan.functions);
  }

  /** Whether one of the words occurs, even as a part of others. */
  private static boolean mayLeaveTraces(String sql) {
    for (int i = 0; i + 3 < sql.length(); i++) {
      boolean found =
          switch (sql.charAt(i) | 0x20) {
            case 's' -> sql.regionMatches(true, i, "set", 0, 3);
            case 'l' -> sql.regionMatches(true, i, "load", 0, 4);
            case 'd' -> sql.regionMatches(true, i, "dblink_connect", 0, 14);
            case 'p' -> sql.regionMatches(true, i, "pg_", 0, 3) && sql.contains("backup");
            default -> false;
          };
      if (found) {
        return true;
      }
    }
    return false;
  }

  private void scan(String sql, int depth) {
    var tokens = new Window(new SqlLexer(sql, standardStrings));
    for (var token = tokens.take(); token.kind() != Kind.END; token = tokens.take()) {
      if (token.kind() == Kind.STRING) {
        if (depth < MAX_DEPTH && mayLeaveTraces(token.text())) {
          scan(token.text(), depth + 1);
        }
      } else if (token.kind() == Kind.WORD) {
        word(token.text(), tokens, depth);
      }
    }
  }

  private void word(String word, Window tokens, int depth) {
    switch (word) {
      case "set", "reset" -> {
        int name = 0;
        if (tokens.peek(0).is("session") || tokens.peek(0).is("local")) {
          name = 1;
        }
        // As in format('SET %I = ...').
        if (tokens.peek(name).is("%") && depth > 0) {
          unseen = true;
        }
        settingName(tokens, name);
      }
      case "set_config" -> {
        if (tokens.peek(0).is("(")) {
          setConfig(tokens);
        }
      }
      case "load" -> {
        if (tokens.peek(0).kind() == Kind.STRING) {
          loads.add(tokens.peek(0).text());
        }
      }
      default -> {
        if (LASTING.contains(word)) {
          functions.add(word);
        }
      }
    }
  }

  private void settingName(Window tokens, int from) {
    if (!tokens.peek(from).isName()) {
      return;
    }
    var name = new StringBuilder(tokens.peek(from).text());
    int at = from + 1;
    while (tokens.peek(at).is(".") && tokens.peek(at + 1).isName()) {
      name.append('.').append(tokens.peek(at + 1).text());
      at += 2;
    }
    custom(name.toString());
  }

  private void custom(String name) {
    if (name.indexOf('.') > 0) {
      customSettings.add(name);
    }
  }

  /** Called before the opening parenthesis. */
  private void setConfig(Window tokens) {
    var name = tokens.peek(1);
    int after = 2;
    while (tokens.peek(after).is(":") && tokens.peek(after + 1).is(":")) {
      after += 3;
    }
    if (name.kind() == Kind.STRING && tokens.peek(after).is(",")) {
      custom(name.text());
    } else if (!isLocal(tokens)) {
      unseen = true;
    }
  }

  /** Whether the last argument of the call is the word true: then its effect does not last. */
  private static boolean isLocal(Window tokens) {
    int depth = 0;
    for (int i = 0; i < MAX_CALL && tokens.peek(i).kind() != Kind.END; i++) {
      if (tokens.peek(i).is("(")) {
        depth++;
      } else if (tokens.peek(i).is(")") && --depth == 0) {
        return tokens.peek(i - 1).is("true") && tokens.peek(i - 2).is(",");
      }
    }
    return false;
  }

  /** Lets tokens be looked at before they are taken. */
  private static final class Window {
    private final SqlLexer lexer;
    private final List<Token> ahead = new ArrayList<>();
    private int taken;

    Window(SqlLexer lexer) {
      this.lexer = lexer;
    }

    Token take() {
      if (taken < ahead.size()) {
        return ahead.get(taken++);
      }
      ahead.clear();
      taken = 0;
      return lexer.next();
    }

    Token peek(int index) {
      while (ahead.size() <= taken + index) {
        ahead.add(lexer.next());
      }
      return ahead.get(taken + index);
    }
  }
}
