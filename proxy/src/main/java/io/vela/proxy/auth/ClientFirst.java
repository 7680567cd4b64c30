package io.vela.proxy.auth;

import io.vela.proxy.wire.ProtocolViolation;

/**
 * The client's first SCRAM message (RFC 5802 section 7, {@code client-first-message}).
 *
 * @param gs2Header with its two commas; the client must repeat it in its last message
 * @param bare the rest, as it came: it is signed
 * @param nonce the client's nonce
 */
record ClientFirst(String gs2Header, String bare, String nonce) {
  /**
   * Reads it as Postgres does ({@code read_client_first_message}): the user name is not looked at,
   * the startup packet had it.
   */
  static ClientFirst parse(String message) throws ProtocolViolation {
    var flagEnd = message.indexOf(',');
    var authzidEnd = flagEnd < 0 ? -1 : message.indexOf(',', flagEnd + 1);
    if (authzidEnd < 0) {
      throw ScramErrors.malformed("The message has no GS2 header.");
    }
    checkChannelBinding(message.substring(0, flagEnd));
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
    return new ClientFirst(message.substring(0, authzidEnd + 1), bare, attributes[1].substring(2));
  }

  private static void checkChannelBinding(String flag) throws ProtocolViolation {
    switch (flag) {
      case "n", "y" -> {}
      default ->
          throw ScramErrors.malformed(
              flag.startsWith("p=")
                  ? "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM"
                      + " message includes channel binding data."
                  : "Unexpected channel-binding flag.");
    }
  }

  private static boolean isNonce(String nonce) {
    return !nonce.isEmpty() && nonce.chars().allMatch(c -> c >= 0x21 && c <= 0x7e);
  }
}
