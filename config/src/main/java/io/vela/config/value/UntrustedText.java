package io.vela.config.value;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Text that Postgres, a source or a branch's owner has written: an error, the end of a log, a name.
 * It may hold terminal escapes, line ends that forge a log's next line, secrets and the host's
 * paths, and it may be long. Here is the one place that makes it fit to be shown.
 *
 * @param raw as it came
 */
public record UntrustedText(String raw) {
  /** How many characters a client is told. */
  public static final int MOST_FOR_CLIENTS = 4_000;

  /** How many characters one line of many may have. */
  public static final int MOST_FOR_LINES = 500;

  private static final int MOST_SEARCHED = 256 * 1024;
  private static final String CUT = "...";
  private static final int FIRST_PRINTABLE = 0x20;
  private static final int DELETE = 0x7f;
  private static final int LAST_CONTROL = 0x9f;

  private record Redaction(Pattern pattern, String replacement) {
    Redaction(String pattern, String replacement) {
      this(Pattern.compile(pattern), replacement);
    }
  }

  private static final String HIDDEN = "***";

  /** Adjacent quoted texts are one with a quote in it; nothing here nests, however long it is. */
  private static final String QUOTED = "E?(?:'[^'\\n]*+'){1,20}+|E?'[^'\\n]*+";

  private static final List<Redaction> SECRETS =
      List.of(
          // A URL's password, which ends at the last at sign before the host.
          new Redaction(
              "(?i)\\b([a-z][a-z0-9+.-]*+://[^\\s:/@]*+):[^\\s/]*@", "$1:" + HIDDEN + "@"),
          new Redaction("(?i)(password\\s*+=\\s*+)(?:" + QUOTED + "|[^\\s&;]++)", "$1" + HIDDEN),
          new Redaction("(?i)(password\\s++)(?:" + QUOTED + ")", "$1" + HIDDEN),
          new Redaction("SCRAM-SHA-256\\$[^\\s'\"]++", "SCRAM-SHA-256\\$" + HIDDEN),
          new Redaction("\\bmd5[0-9a-f]{32}\\b", "md5" + HIDDEN),
          new Redaction("\\b(vela_[a-z0-9]++)_[A-Za-z0-9_-]++", "$1_" + HIDDEN));

  /** A path of the host down to its last name, which tells a person what it is about. */
  private static final Pattern HOST_PATH =
      Pattern.compile("(?<![\\w/.:@*-])/[^\\s\"'`(),:;]*/([^\\s\"'`(),:;/]*)");

  /** What a log repeats of statements: other sessions' data and passwords. */
  private static final List<String> STATEMENTS =
      List.of("STATEMENT:  ", "QUERY:  ", "CONTEXT:  ", "Failed process was running: ");

  /** On one line, with every control character escaped; not bounded, nothing left out. */
  public String line() {
    return escaped(raw, false);
  }

  /** On one line and no longer than so many characters. */
  public String line(int most) {
    return bounded(line(), most);
  }

  /** With its line ends and tabs, and every other control character escaped. */
  public String lines() {
    return escaped(raw.replace("\r\n", "\n"), true);
  }

  /** With what looks like a password, a verifier or a token left out. */
  public UntrustedText withoutSecrets() {
    var text = raw;
    for (var secret : SECRETS) {
      text = secret.pattern().matcher(text).replaceAll(secret.replacement());
    }
    return new UntrustedText(text);
  }

  /** With the host's folders left out of its paths. */
  public UntrustedText withoutPaths() {
    return new UntrustedText(
        HOST_PATH
            .matcher(raw)
            .replaceAll(path -> Matcher.quoteReplacement(".../" + path.group(1))));
  }

  /** A log without the statements that it repeats. */
  public UntrustedText withoutStatements() {
    var kept = new ArrayList<String>();
    boolean repeating = false;
    for (var line : raw.lines().toList()) {
      // Postgres begins each further line of one entry with a tab.
      repeating =
          STATEMENTS.stream().anyMatch(line::contains) || (repeating && line.startsWith("\t"));
      if (!repeating) {
        kept.add(line);
      }
    }
    return new UntrustedText(String.join("\n", kept));
  }

  /**
   * What somebody who may use a branch is told of it, and knows nothing of the host: no statements
   * of others, no secrets, no paths, bounded.
   */
  public String forClient() {
    return bounded(
        cut(raw).withoutStatements().withoutSecrets().withoutPaths().lines().strip(),
        MOST_FOR_CLIENTS);
  }

  /** What somebody who administers Vela is told: no secrets, bounded. */
  public String forAdministrator() {
    return bounded(cut(raw).withoutSecrets().lines().strip(), MOST_FOR_CLIENTS);
  }

  /** What is left out need not be searched. Of a log, the end tells more. */
  private static UntrustedText cut(String text) {
    return new UntrustedText(
        text.length() > MOST_SEARCHED ? text.substring(text.length() - MOST_SEARCHED) : text);
  }

  private static String bounded(String text, int most) {
    return text.length() <= most ? text : text.substring(0, most - CUT.length()) + CUT;
  }

  /** Whether it can be shown as it is. */
  public boolean isPlain() {
    return raw.codePoints().noneMatch(UntrustedText::isControl);
  }

  private static String escaped(String text, boolean keepLines) {
    if (new UntrustedText(text).isPlain()) {
      return text;
    }
    var escaped = new StringBuilder(text.length() + 16);
    text.codePoints().forEach(c -> append(escaped, c, keepLines));
    return escaped.toString();
  }

  private static void append(StringBuilder escaped, int c, boolean keepLines) {
    if (!isControl(c) || (keepLines && (c == '\n' || c == '\t'))) {
      escaped.appendCodePoint(c);
    } else {
      switch (c) {
        case '\n' -> escaped.append("\\n");
        case '\r' -> escaped.append("\\r");
        case '\t' -> escaped.append("\\t");
        default -> escaped.append("\\u%04x".formatted(c));
      }
    }
  }

  /**
   * What a terminal acts upon, or what makes text look other than it is: control characters, line
   * and paragraph separators, and those that turn the direction of writing (Unicode, section 23.2,
   * "Layout Controls").
   */
  private static boolean isControl(int c) {
    return c < FIRST_PRINTABLE
        || (c >= DELETE && c <= LAST_CONTROL)
        || c == 0x2028
        || c == 0x2029
        || c == 0x200e
        || c == 0x200f
        || (c >= 0x202a && c <= 0x202e)
        || (c >= 0x2066 && c <= 0x2069)
        || isUnpaired(c);
  }

  /** Of a string's code points a surrogate is one that stands for itself: it has no encoding. */
  private static boolean isUnpaired(int codePoint) {
    return codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE;
  }

  /** On one line, so that it is safe wherever it is put without a thought. */
  @Override
  public String toString() {
    return line();
  }
}
