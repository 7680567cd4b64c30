package io.vela.proxy.auth;

import io.vela.proxy.wire.ProtocolViolation;

/**
 * The client's first SCRAM message (RFC 5802 section 7, {@code client-first-message}).
 *
 * @param flag what it says of channel binding
 * @param bare the rest, as it came: it is signed
 * @param nonce the client's nonce
 */
record ClientFirst(Flag flag, String bare, String nonce) {
  /** The GS2 header's channel-binding flag (RFC 5802 section 6). */
  enum Flag {
    /** The client cannot, or does not want to. */
    NOT_SUPPORTED("n"),
    /** The client could, and believes that the server cannot. */
    NOT_OFFERED("y"),
    /** The client does. */
    USED("p");

    private final String letter;

    Flag(String letter) {
      this.letter = letter;
    }

    /** The GS2 header with it, for those without a type. */
    String header() {
      return letter + ",,";
    }
  }

  /**
   * Reads it as Postgres does ({@code read_client_first_message} in auth-scram.c): the user name is
   * not looked at, the startup packet had it.
   *
   * @param bound whether the client chose the mechanism with channel binding
   * @param offered whether it was offered
   */
  static ClientFirst parse(String message, boolean bound, boolean offered)
      throws ProtocolViolation {
    var flagEnd = message.indexOf(',');
    var authzidEnd = flagEnd < 0 ? -1 : message.indexOf(',', flagEnd + 1);
    if (authzidEnd < 0) {
      throw ScramErrors.malformed("The message has no GS2 header.");
    }
    var flag = flag(message.substring(0, flagEnd), bound, offered);
    if (authzidEnd != flagEnd + 1) {
      throw ScramErrors.unsupported("client uses authorization identity, but it is not supported");
    }
    var bare = message.substring(authzidEnd + 1);
    if (bare.startsWith("m=")) {
      throw ScramErrors.unsupported("client requires an unsupported SCRAM extension");
    }
    var attributes = bare.split(",", -1);
    if (attributes.length < 2 || !attributes[0].startsWith("n=")) {
      throw ScramErrors.malformed("Expected attribute \"n\" and then attribute \"r\".");
    }
    if (!attributes[1].startsWith("r=") || !isNonce(attributes[1].substring(2))) {
      throw ScramErrors.malformed("Expected attribute \"r\" with a printable nonce.");
    }
    return new ClientFirst(flag, bare, attributes[1].substring(2));
  }

  private static Flag flag(String text, boolean bound, boolean offered) throws ProtocolViolation {
    if (text.startsWith("p=")) {
      if (!bound) {
        throw ScramErrors.malformed(
            "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message"
                + " includes channel binding data.");
      }
      var type = text.substring("p=".length());
      if (!type.equals(ChannelBinding.TYPE)) {
        throw ScramErrors.unsupportedBinding(type);
      }
      return Flag.USED;
    }
    if (!text.equals("n") && !text.equals("y")) {
      throw ScramErrors.malformed("Unexpected channel-binding flag.");
    }
    if (bound) {
      throw ScramErrors.malformed(
          "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel"
              + " binding data.");
    }
    if (text.equals("n")) {
      return Flag.NOT_SUPPORTED;
    }
    if (offered) {
      throw ScramErrors.downgraded();
    }
    return Flag.NOT_OFFERED;
  }

  private static boolean isNonce(String nonce) {
    return !nonce.isEmpty() && nonce.chars().allMatch(c -> c >= 0x21 && c <= 0x7e);
  }
}
