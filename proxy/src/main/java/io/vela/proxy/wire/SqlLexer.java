package io.vela.proxy.wire;

import java.util.Locale;

/**
 * Cuts SQL into tokens as Postgres's scan.l does, as far as quotes, comments and words go. Takes
 * any text: what is unterminated ends with the text.
 */
final class SqlLexer {
  /** What a token is. */
  enum Kind {
    /** A keyword or an unquoted name, in lower case. */
    WORD,
    /** A quoted name, without its quotes. */
    QUOTED_NAME,
    /** A string in single quotes or dollars, what it says. */
    STRING,
    /** Any other character, a number or a parameter. */
    OTHER,
    /** Nothing follows. */
    END
  }

  /** A token. */
  record Token(Kind kind, String text) {
    static final Token END = new Token(Kind.END, "");

    boolean is(String wordOrSymbol) {
      return (kind == Kind.WORD || kind == Kind.OTHER) && text.equals(wordOrSymbol);
    }

    boolean isName() {
      return kind == Kind.WORD || kind == Kind.QUOTED_NAME;
    }
  }

  private final String sql;
  private final boolean standardStrings;
  private int at;

  /**
   * @param standardStrings whether {@code standard_conforming_strings} is on
   */
  SqlLexer(String sql, boolean standardStrings) {
    this.sql = sql;
    this.standardStrings = standardStrings;
  }

  Token next() {
    skipBlank();
    if (at >= sql.length()) {
      return Token.END;
    }
    char c = sql.charAt(at);
    if (isNameStart(c)) {
      return word();
    }
    return switch (c) {
      case '\'' -> string(!standardStrings);
      case '"' -> new Token(Kind.QUOTED_NAME, quoted('"', false));
      case '$' -> dollar();
      default -> c >= '0' && c <= '9' ? number() : new Token(Kind.OTHER, sql.substring(at, ++at));
    };
  }

  private void skipBlank() {
    while (at < sql.length()) {
      if (sql.charAt(at) <= ' ') {
        at++;
      } else if (sql.startsWith("--", at)) {
        while (at < sql.length() && sql.charAt(at) != '\n' && sql.charAt(at) != '\r') {
          at++;
        }
      } else if (sql.startsWith("/*", at)) {
        skipComment();
      } else {
        return;
      }
    }
  }

  private void skipComment() {
    int depth = 0;
    do {
      if (sql.startsWith("/*", at)) {
        depth++;
        at += 2;
      } else if (sql.startsWith("*/", at)) {
        depth--;
        at += 2;
      } else {
        at++;
      }
    } while (depth > 0 && at < sql.length());
  }

  private Token word() {
    int start = at;
    while (at < sql.length() && isNamePart(sql.charAt(at))) {
      at++;
    }
    var word = sql.substring(start, at);
    if (word.equalsIgnoreCase("e") && sql.startsWith("'", at)) {
      return string(true);
    }
    return new Token(Kind.WORD, word.toLowerCase(Locale.ROOT));
  }

  private Token string(boolean escapes) {
    return new Token(Kind.STRING, quoted('\'', escapes));
  }

  /** From one quote to the next that is not doubled. */
  private String quoted(char quote, boolean escapes) {
    var text = new StringBuilder();
    at++;
    while (at < sql.length()) {
      char c = sql.charAt(at++);
      if (c == quote) {
        if (at >= sql.length() || sql.charAt(at) != quote) {
          break;
        }
        at++;
      } else if (c == '\\' && escapes && at < sql.length()) {
        c = sql.charAt(at++);
      }
      text.append(c);
    }
    return text.toString();
  }

  private Token dollar() {
    int end = at + 1;
    if (end < sql.length() && isNameStart(sql.charAt(end))) {
      while (end < sql.length() && isNamePart(sql.charAt(end)) && sql.charAt(end) != '$') {
        end++;
      }
    }
    if (end >= sql.length() || sql.charAt(end) != '$') {
      at++;
      return new Token(Kind.OTHER, "$");
    }
    var mark = sql.substring(at, end + 1);
    int start = end + 1;
    int close = sql.indexOf(mark, start);
    at = close < 0 ? sql.length() : close + mark.length();
    return new Token(Kind.STRING, sql.substring(start, close < 0 ? sql.length() : close));
  }

  private Token number() {
    int start = at;
    while (at < sql.length() && (isNamePart(sql.charAt(at)) || sql.charAt(at) == '.')) {
      at++;
    }
    return new Token(Kind.OTHER, sql.substring(start, at));
  }

  private static boolean isNameStart(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
  }

  private static boolean isNamePart(char c) {
    return isNameStart(c) || (c >= '0' && c <= '9') || c == '$';
  }
}
