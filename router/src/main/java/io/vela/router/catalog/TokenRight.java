package io.vela.router.catalog;

import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/** What a token grants within its scope. */
public enum TokenRight {
  /** To connect to branches that exist, waking them. */
  CONNECT,
  /** To create a branch by connecting to it, where a baseline's policy allows that. */
  CREATE,
  /** To use the REST API. */
  ADMIN;

  /** All of them: what a token for the whole system has that says nothing else. */
  public static final Set<TokenRight> ALL = Set.copyOf(EnumSet.allOf(TokenRight.class));

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
