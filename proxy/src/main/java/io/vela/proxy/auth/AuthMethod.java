package io.vela.proxy.auth;

import io.netty.buffer.ByteBuf;
import io.vela.proxy.wire.ProtocolViolation;

/**
 * The server's side of one way to prove an identity. One object serves one attempt, on its
 * session's event loop; nothing here blocks or computes for long (a SCRAM server needs HMACs only,
 * the costly PBKDF2 is the client's).
 */
public sealed interface AuthMethod
    permits ScramSha256Auth, Md5Auth, BearerTokenAuth, CertificateAuth, TrustAuth, NotAllowedAuth {
  /** The method's name as a metric label. */
  String label();

  /** What the client has proven itself by, for the log; more than the label once that is known. */
  default String proof() {
    return label();
  }

  /** Whether it can be passed by guessing, so that failures must slow the next attempts. */
  default boolean isGuess() {
    return false;
  }

  /** What to ask first. Called once. */
  AuthStep begin();

  /**
   * Goes on with what the client answered.
   *
   * @param payload a password message's content, without type and length (Postgres documentation,
   *     section 54.7: PasswordMessage, SASLInitialResponse, SASLResponse); stays the caller's
   * @throws ProtocolViolation when it is not what the method expects, or when it expects none
   */
  default AuthStep answer(ByteBuf payload) throws ProtocolViolation {
    throw ProtocolViolation.of("unexpected password message");
  }

  /**
   * What a client is told, in Postgres's words (auth.c, auth-sasl.c), that sent another message
   * than a password.
   *
   * @param type the message's type
   */
  default ProtocolViolation unexpected(byte type) {
    return ProtocolViolation.of("expected password response, got message type " + type);
  }
}
