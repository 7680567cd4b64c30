package io.vela.router.catalog;

import java.util.Locale;

/** What a token grants within its scope. */
public enum TokenRight {
  /** To connect to branches that exist, waking them: what a token has that says nothing else. */
  CONNECT,
  /** To create a branch by connecting to it, where a baseline's policy allows that. */
  CREATE,
  /** To use the REST API. */
  ADMIN;

  /**
   * @throws IllegalArgumentException for anything but the names in lower case
   */
  public static TokenRight parse(String text) {
    for (var right : values()) {
      if (right.toString().equals(text)) {
        return right;
      }
    }
    throw new IllegalArgumentException(
        "\"" + text + "\" is no right; expected one of connect, create, admin");
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
