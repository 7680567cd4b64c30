package io.vela.router.route;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The startup parameter {@code options}, split into what names a branch and the rest.
 *
 * <p>Words are separated by white space that no backslash escapes, as Postgres's own {@code
 * pg_split_opts} does it (Postgres documentation, section 55.7, "StartupMessage"). A branch is
 * named by the words {@code branch=x} and {@code endpoint=x}, and by setting {@code vela.branch} as
 * {@code -c vela.branch=x}, {@code -cvela.branch=x} or {@code --vela.branch=x}.
 *
 * @param named the values that name a branch, unescaped, in the order in which they came
 * @param rest everything else, byte for byte; empty when nothing but white space is left
 */
record StartupOptions(List<String> named, Optional<String> rest) {
  private static final String SETTING = "vela.branch=";

  /** Single-letter options of {@code postgres} whose argument may be the next word. */
  private static final String WITH_ARGUMENT = "BCDcdfhkNprStvW";

  StartupOptions {
    named = List.copyOf(named);
  }

  static StartupOptions parse(String options) {
    var words = words(options);
    var named = new ArrayList<String>();
    var rest = new StringBuilder();
    int kept = 0;
    for (int i = 0; i < words.size(); i++) {
      var word = words.get(i);
      boolean takesNext = takesNext(word.text()) && i + 1 < words.size();
      var last = takesNext ? words.get(i + 1) : word;
      var branch = takesNext ? ofPair(word.text(), last.text()) : ofWord(word.text());
      if (branch.isPresent()) {
        named.add(branch.get());
        rest.append(options, kept, word.start());
        kept = afterSpace(options, last.end());
      }
      i += takesNext ? 1 : 0;
    }
    rest.append(options, kept, options.length());
    if (named.isEmpty()) {
      return new StartupOptions(named, Optional.of(options));
    }
    return rest.chars().allMatch(StartupOptions::isSpace)
        ? new StartupOptions(named, Optional.empty())
        : new StartupOptions(named, Optional.of(rest.toString()));
  }

  private static Optional<String> ofPair(String option, String argument) {
    return option.equals("-c") ? afterPrefix(SETTING, argument) : Optional.empty();
  }

  private static Optional<String> ofWord(String word) {
    return afterPrefix("branch=", word)
        .or(() -> afterPrefix("endpoint=", word))
        .or(() -> afterPrefix("--" + SETTING, word))
        .or(
            () ->
                word.startsWith("-c") ? afterPrefix(SETTING, word.substring(2)) : Optional.empty());
  }

  /** Names of settings are the same in any case, as in Postgres. */
  private static Optional<String> afterPrefix(String prefix, String word) {
    return word.toLowerCase(Locale.ROOT).startsWith(prefix)
        ? Optional.of(word.substring(prefix.length()))
        : Optional.empty();
  }

  private static boolean takesNext(String word) {
    return word.length() == 2
        && word.charAt(0) == '-'
        && WITH_ARGUMENT.indexOf(word.charAt(1)) >= 0;
  }

  private static List<Word> words(String options) {
    var words = new ArrayList<Word>();
    int at = afterSpace(options, 0);
    while (at < options.length()) {
      var text = new StringBuilder();
      int start = at;
      boolean escaped = false;
      for (; at < options.length(); at++) {
        char c = options.charAt(at);
        if (!escaped && isSpace(c)) {
          break;
        }
        if (!escaped && c == '\\') {
          escaped = true;
        } else {
          escaped = false;
          text.append(c);
        }
      }
      words.add(new Word(start, at, text.toString()));
      at = afterSpace(options, at);
    }
    return words;
  }

  private static int afterSpace(String options, int from) {
    int at = from;
    while (at < options.length() && isSpace(options.charAt(at))) {
      at++;
    }
    return at;
  }

  /** C's {@code isspace} in the C locale. */
  private static boolean isSpace(int c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
  }

  /** A word: where it stands in the options as they came, and what it says unescaped. */
  private record Word(int start, int end, String text) {}
}
