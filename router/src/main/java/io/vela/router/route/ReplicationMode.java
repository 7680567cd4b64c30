package io.vela.router.route;

import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import java.util.Locale;

/**
 * The startup parameter {@code replication} (Postgres documentation, section 54.4), in every
 * spelling that Postgres takes: {@code database}, or a boolean as its parse_bool reads it.
 */
enum ReplicationMode {
  NONE,
  PHYSICAL,
  LOGICAL;

  /**
   * @throws RouteException with {@link RouteFailure.InvalidValue}
   */
  static ReplicationMode parse(String value) throws RouteException {
    if (value.equals("database")) {
      return LOGICAL;
    }
    var word = value.toLowerCase(Locale.ROOT);
    if (!word.isEmpty()) {
      if ("true".startsWith(word) || "yes".startsWith(word) || is(word, "on", "1")) {
        return PHYSICAL;
      }
      if ("false".startsWith(word) || "no".startsWith(word) || is(word, "off", "of", "0")) {
        return NONE;
      }
    }
    throw new RouteException(
        new RouteFailure.InvalidValue(
            "replication", value, "Valid values are: \"false\", 0, \"true\", 1, \"database\"."));
  }

  private static boolean is(String word, String... words) {
    for (var one : words) {
      if (one.equals(word)) {
        return true;
      }
    }
    return false;
  }
}
