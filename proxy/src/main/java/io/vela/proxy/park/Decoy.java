package io.vela.proxy.park;

import io.vela.proxy.wire.ErrorFields;
import java.util.OptionalInt;

/**
 * What stands in a backend for a prepared statement that has gone stale: it has its name and its
 * parameters, and fails whenever Postgres would have found the other stale. So it is Postgres that
 * skips what follows, fails the transaction, refuses to prepare the name again, and forgets it when
 * it is told to; only the text of the error is another, see {@link StaleErrors}.
 *
 * <p>It is prepared under a search_path of its own. When it is used Postgres sees that another is
 * in force, analyzes it again (RevalidateCachedQuery in plancache.c) and does not find the relation
 * any more. Which decoy it was is told by the place in its text where that is missed. Should a
 * session have that schema in its path, the division fails when the statement is planned.
 */
final class Decoy {
  /** To be in force when it is prepared. */
  static final String PATH = "SET LOCAL search_path = information_schema";

  private static final String RELATION = "sql_parts";
  private static final String UNDEFINED_TABLE = "42P01";

  /** In characters, from 1; no statement that people write misses this relation there. */
  private static final int FIRST_POSITION = 5000;

  private Decoy() {}

  /**
   * Its text.
   *
   * @param number of the stale statement
   * @param rows whether that returns rows, if only none: its description shows that
   */
  static String sql(int number, boolean rows) {
    var command = (rows ? "SELECT 1" : "DELETE") + " FROM /* stale since it was parked */";
    var blanks = " ".repeat(FIRST_POSITION + number - 1 - command.length());
    return command + blanks + RELATION + " WHERE 1/0 = 1";
  }

  /** The number of the one that has failed so, if one has. */
  static OptionalInt number(ErrorFields error) {
    var position = error.byType().getOrDefault('P', "");
    if (!error.code().equals(UNDEFINED_TABLE)
        || !error.message().contains(RELATION)
        || !position.matches("\\d{4,9}")) {
      return OptionalInt.empty();
    }
    int number = Integer.parseInt(position) - FIRST_POSITION;
    return number < 0 ? OptionalInt.empty() : OptionalInt.of(number);
  }
}
