package io.vela.proxy.park;

import io.vela.proxy.wire.DataRow;
import java.util.Optional;

/**
 * The answer to {@link Question#FACTS}.
 *
 * @param version as server_version_num
 * @param superuser whether the login role is one
 * @param standardStrings whether standard_conforming_strings is on
 * @param idleSessionTimeoutMillis 0 for none
 * @param rowSecurity whether any table has it
 * @param mayAskReplicationOrigin whether the question is permitted
 * @param dblink the schema of that extension, quoted; empty if it is not installed
 * @param postgresFdw likewise
 */
record Facts(
    int version,
    boolean superuser,
    boolean standardStrings,
    long idleSessionTimeoutMillis,
    boolean rowSecurity,
    boolean mayAskReplicationOrigin,
    Optional<String> dblink,
    Optional<String> postgresFdw) {
  static Facts of(DataRow row) {
    return new Facts(
        Integer.parseInt(row.text(0)),
        row.text(1).equals("on"),
        row.text(2).equals("on"),
        millis(row.text(3)),
        row.text(4).equals("true"),
        row.text(5).equals("true"),
        row.columns().get(6),
        row.columns().get(7));
  }

  /** A time as Postgres shows it, such as {@code 90s}: a whole number of its largest unit. */
  static long millis(String shown) {
    int unit = 0;
    while (unit < shown.length() && Character.isDigit(shown.charAt(unit))) {
      unit++;
    }
    long count = Long.parseLong(shown.substring(0, unit));
    return switch (shown.substring(unit)) {
      case "s" -> count * 1_000;
      case "min" -> count * 60_000;
      case "h" -> count * 3_600_000;
      case "d" -> count * 86_400_000;
      default -> count;
    };
  }
}
