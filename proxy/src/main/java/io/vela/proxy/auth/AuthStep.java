package io.vela.proxy.auth;

import io.vela.proxy.wire.ErrorMessage;
import java.util.List;
import java.util.Optional;

/** What an {@link AuthMethod} wants done next. */
public sealed interface AuthStep {
  /** Send AuthenticationSASL with these mechanisms and wait for the answer. */
  record AskSasl(List<String> mechanisms) implements AuthStep {
    public AskSasl {
      mechanisms = List.copyOf(mechanisms);
    }
  }

  /** Send AuthenticationSASLContinue with this text and wait for the answer. */
  record ContinueSasl(String data) implements AuthStep {}

  /**
   * Send AuthenticationMD5Password and wait for the answer.
   *
   * @param salt the four bytes of the salt, big-endian
   */
  record AskMd5(int salt) implements AuthStep {}

  /**
   * The client is who it says.
   *
   * @param saslFinal what AuthenticationSASLFinal must carry, so that the client can verify the
   *     server; empty for methods without it
   */
  record Matched(Optional<String> saslFinal) implements AuthStep {}

  /** Wrong password or unknown role: the two are not told apart. */
  record Mismatch() implements AuthStep {}

  /**
   * Refused for a reason that the client may know.
   *
   * @param error what it is told
   */
  record Refuse(ErrorMessage error) implements AuthStep {}
}
