package io.vela.proxy.wire;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.Locale;

/**
 * Looks in SQL text for what changes a session in a way that no catalogue lists afterwards: custom
 * settings (Postgres documentation, section 19.16), libraries that are loaded, statements that are
 * forgotten. One pass that compares first letters, so that the many texts without any cost little.
 *
 * <p>It is not a parser: what it finds in a string or a comment it reports too. A setting that was
 * never made is no setting when it is asked for, so that does no harm.
 */
final class StatementScan {
  private static final String SET = "set";
  private static final String CONFIG = "_config";
  private static final String LOAD = "load";
  private static final String DEALLOCATE = "deallocate";
  private static final String DISCARD = "discard";

  private final byte[] text;
  private final int to;
  private final Finds finds;
  private int index;

  /** Told what is found. */
  interface Finds {
    /**
     * A setting with a dot in its name.
     *
     * @param name in lower case, without quotes
     */
    void customSetting(String name);

    /** A setting is made whose name is not in the text. */
    void hiddenSetting();

    /**
     * @param library as it stands between the quotes
     */
    void loaded(String library);

    /** Prepared statements are given up. */
    void deallocated();
  }

  private StatementScan(byte[] text, int from, int to, Finds finds) {
    this.text = text;
    this.index = from;
    this.to = to;
    this.finds = finds;
  }

  /** Looks at the bytes from one index up to another. */
  static void scan(byte[] text, int from, int to, Finds finds) {
    new StatementScan(text, from, to, finds).scan();
  }

  private void scan() {
    int begin = index;
    boolean inWord = false;
    while (index < to) {
      byte here = text[index];
      if (!inWord) {
        switch (here | 0x20) {
          case 's' -> {
            if (comes(SET)) {
              set();
            }
          }
          case 'l' -> {
            if (comes(LOAD) && isFirst(begin)) {
              load();
            }
          }
          case 'd' -> {
            if (comes(DEALLOCATE) || comes(DISCARD)) {
              finds.deallocated();
            }
          }
          default -> {}
        }
      }
      if (index < to) {
        inWord = isWord(text[index++]);
      }
    }
  }

  private boolean comes(String word) {
    if (to - index < word.length()) {
      return false;
    }
    for (int i = 0; i < word.length(); i++) {
      if (lower(text[index + i]) != word.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  private static int lower(byte letter) {
    return letter >= 'A' && letter <= 'Z' ? letter | 0x20 : letter;
  }

  private static boolean isWord(byte letter) {
    return letter >= 'a' && letter <= 'z'
        || letter >= 'A' && letter <= 'Z'
        || letter >= '0' && letter <= '9'
        || letter == '_'
        || letter < 0;
  }

  private static boolean isBlank(byte letter) {
    return letter == ' ' || letter >= '\t' && letter <= '\r';
  }

  private void skipBlanks() {
    while (index < to && isBlank(text[index])) {
      index++;
    }
  }

  /** Whether nothing of the same statement stands before. */
  private boolean isFirst(int begin) {
    int before = index - 1;
    while (before >= begin && isBlank(text[before])) {
      before--;
    }
    return before < begin || text[before] == ';';
  }

  private void set() {
    index += SET.length();
    if (comes(CONFIG)) {
      index += CONFIG.length();
      setConfig();
      return;
    }
    int after = index;
    skipBlanks();
    if (index == after) {
      return;
    }
    var name = name();
    if (name.equals("session") || name.equals("local")) {
      skipBlanks();
      name = name();
    }
    if (name.indexOf('.') > 0) {
      finds.customSetting(name);
    }
  }

  private String name() {
    int from = index;
    while (index < to
        && (isWord(text[index])
            || text[index] == '.'
            || text[index] == '"'
            || text[index] == '$')) {
      index++;
    }
    return text(from, index).replace("\"", "");
  }

  private String text(int from, int end) {
    return new String(text, from, end - from, ISO_8859_1).toLowerCase(Locale.ROOT);
  }

  private void setConfig() {
    skipBlanks();
    if (index == to || text[index] != '(') {
      return;
    }
    index++;
    skipBlanks();
    if (index == to || text[index] != '\'') {
      finds.hiddenSetting();
      return;
    }
    int from = ++index;
    while (index < to && text[index] != '\'') {
      index++;
    }
    var name = text(from, index);
    if (name.indexOf('.') > 0) {
      finds.customSetting(name);
    }
  }

  private void load() {
    index += LOAD.length();
    skipBlanks();
    if (index == to || text[index] != '\'') {
      return;
    }
    int from = ++index;
    while (index < to && text[index] != '\'') {
      index++;
    }
    finds.loaded(new String(text, from, index - from, ISO_8859_1));
  }
}
