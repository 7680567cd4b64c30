package io.vela.agent.isolation;

/** Words for a shell (POSIX, Shell Command Language, "Quoting"). */
final class ShellWords {
  private ShellWords() {}

  /** A word that the shell takes as it is, whatever is in it. */
  static String quoted(String word) {
    return "'" + word.replace("'", "'\\''") + "'";
  }
}
