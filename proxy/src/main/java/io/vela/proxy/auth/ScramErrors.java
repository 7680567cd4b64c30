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

  private static ProtocolViolation violation(String message, String detail) {
    return new ProtocolViolation(
        ErrorMessage.fatal(SqlState.PROTOCOL_VIOLATION, message).withDetail(detail));
  }
}
