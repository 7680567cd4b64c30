package io.vela.router.route;

import static java.nio.charset.StandardCharsets.UTF_8;

/** Names of roles as Postgres reads them from a startup packet. */
public final class RoleName {
  /** Postgres's {@code NAMEDATALEN - 1}, in bytes. */
  private static final int MOST_BYTES = 63;

  private RoleName() {}

  /**
   * The part of a name that counts: its first 63 bytes, without a word about the rest ({@code
   * ProcessStartupPacket}). A character that is cut in two is no character, so that no role
   * matches.
   */
  public static String truncate(String name) {
    var bytes = name.getBytes(UTF_8);
    return bytes.length <= MOST_BYTES ? name : new String(bytes, 0, MOST_BYTES, UTF_8);
  }
}
