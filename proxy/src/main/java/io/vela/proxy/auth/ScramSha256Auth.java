package io.vela.proxy.auth;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import io.vela.proxy.wire.ProtocolViolation;
import io.vela.proxy.wire.SaslInitialResponse;
import io.vela.proxy.wire.SaslResponse;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/**
 * SCRAM-SHA-256 without channel binding, the server's side (RFC 5802, RFC 7677; Postgres
 * documentation, section 54.3.1).
 *
 * <pre>
 *   client                                     server
 *                      <- AuthenticationSASL SCRAM-SHA-256
 *   SASLInitialResponse: client-first ->
 *                      <- AuthenticationSASLContinue: server-first (nonces, salt, iterations)
 *   SASLResponse: client-final (proof) ->
 *                      <- AuthenticationSASLFinal: server signature, or 28P01
 * </pre>
 */
public final class ScramSha256Auth implements AuthMethod {
  static final String MECHANISM = "SCRAM-SHA-256";

  private final String label;
  private final ScramVerifier verifier;
  private final String serverNonce;
  private Expected expected = new Expected.Initial();

  /**
   * @param label which kind of secret it proves, for metrics
   * @param serverNonce the server's part of the nonce: printable, no comma, never used before
   */
  public ScramSha256Auth(String label, ScramVerifier verifier, String serverNonce) {
    this.label = label;
    this.verifier = verifier;
    this.serverNonce = serverNonce;
  }

  /** Where the exchange stands. */
  private sealed interface Expected {
    record Initial() implements Expected {}

    record First() implements Expected {}

    record Final(ClientFirst first, String serverFirst, String nonce) implements Expected {}

    record Nothing() implements Expected {}
  }

  @Override
  public String label() {
    return label;
  }

  @Override
  public AuthStep begin() {
    return new AuthStep.AskSasl(List.of(MECHANISM));
  }

  @Override
  public AuthStep answer(ByteBuf payload) throws ProtocolViolation {
    var wanted = expected;
    expected = new Expected.Nothing();
    return switch (wanted) {
      case Expected.Initial _ -> initial(SaslInitialResponse.parse(payload));
      case Expected.First _ -> first(SaslResponse.parse(payload).response());
      case Expected.Final last -> last(last, SaslResponse.parse(payload).response());
      case Expected.Nothing _ -> throw ProtocolViolation.of("unexpected SASL response");
    };
  }

  @Override
  public ProtocolViolation unexpected(byte type) {
    return ProtocolViolation.of("expected SASL response, got message type " + type);
  }

  private AuthStep initial(SaslInitialResponse response) throws ProtocolViolation {
    if (!response.mechanism().equals(MECHANISM)) {
      throw ProtocolViolation.of("client selected an invalid SASL authentication mechanism");
    }
    if (response.response().isEmpty()) {
      expected = new Expected.First();
      return new AuthStep.ContinueSasl("");
    }
    return first(response.response().get());
  }

  private AuthStep first(String message) throws ProtocolViolation {
    var first = ClientFirst.parse(message);
    var nonce = first.nonce() + serverNonce;
    var serverFirst = "r=" + nonce + ",s=" + verifier.saltBase64() + ",i=" + verifier.iterations();
    expected = new Expected.Final(first, serverFirst, nonce);
    return new AuthStep.ContinueSasl(serverFirst);
  }

  private AuthStep last(Expected.Final wanted, String message) throws ProtocolViolation {
    var last = ClientFinal.parse(message);
    if (!last.nonce().equals(wanted.nonce())) {
      throw ScramErrors.invalid("Nonce does not match.");
    }
    var header = wanted.first().gs2Header().getBytes(UTF_8);
    if (!last.channelBinding().equals(Base64.getEncoder().encodeToString(header))) {
      throw ProtocolViolation.of(
          "unexpected SCRAM channel-binding attribute in client-final-message");
    }
    var authMessage =
        wanted.first().bare() + "," + wanted.serverFirst() + "," + last.withoutProof();
    return verifier.proves(last.proof(), authMessage)
        ? new AuthStep.Matched(Optional.of("v=" + verifier.serverSignatureBase64(authMessage)))
        : new AuthStep.Mismatch();
  }
}
