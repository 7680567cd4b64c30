package io.vela.proxy.auth;

import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.ProtocolViolation;
import io.vela.proxy.wire.SqlState;

/** What a client whose SCRAM messages are wrong is told, in Postgres's words (auth-scram.c). */
final class ScramErrors {
  private ScramErrors() {}

  static ProtocolViolation malformed(String detail) {
    return violation("malformed SCRAM message", detail);
  }

  static ProtocolViolation invalid(String detail) {
    return violation("invalid SCRAM response", detail);
  }

  static ProtocolViolation unsupported(String message) {
    return new ProtocolViolation(ErrorMessage.fatal(SqlState.FEATURE_NOT_SUPPORTED, message));
  }

  /** The client says that no channel binding was offered, and it was: somebody is in between. */
  static ProtocolViolation downgraded() {
    return new ProtocolViolation(
        ErrorMessage.fatal(
                SqlState.INVALID_AUTHORIZATION_SPECIFICATION,
                "SCRAM channel binding negotiation error")
            .withDetail(
                "The client supports SCRAM channel binding but thinks the server does not. "
                    + " However, this server does support channel binding."));
  }

  static ProtocolViolation unsupportedBinding(String type) {
    return ProtocolViolation.of(
        "unsupported SCRAM channel-binding type \"" + sanitized(type) + "\"");
  }

  /** The client is bound to another certificate than the one it was shown here. */
  static ProtocolViolation bindingMismatch() {
    return new ProtocolViolation(
        ErrorMessage.fatal(
            SqlState.INVALID_AUTHORIZATION_SPECIFICATION, "SCRAM channel binding check failed"));
  }

  /** As {@code sanitize_str} does: 30 bytes at most, all printable ASCII. */
  private static String sanitized(String text) {
    var shown = text.length() > 30 ? text.substring(0, 30) : text;
    return shown.replaceAll("[^!-~]", "?");
  }

  private static ProtocolViolation violation(String message, String detail) {
    return new ProtocolViolation(
        ErrorMessage.fatal(SqlState.PROTOCOL_VIOLATION, message).withDetail(detail));
  }
}
