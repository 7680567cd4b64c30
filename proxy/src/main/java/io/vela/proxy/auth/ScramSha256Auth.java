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
 * SCRAM-SHA-256, with channel binding where TLS protects the connection, the server's side (RFC
 * 5802, RFC 7677, RFC 5929; Postgres documentation, section 54.3.1).
 *
 * <pre>
 *   client                                     server
 *                      <- AuthenticationSASL [SCRAM-SHA-256-PLUS] SCRAM-SHA-256
 *   SASLInitialResponse: client-first ->
 *                      <- AuthenticationSASLContinue: server-first (nonces, salt, iterations)
 *   SASLResponse: client-final (proof) ->
 *                      <- AuthenticationSASLFinal: server signature, or 28P01
 * </pre>
 */
public final class ScramSha256Auth implements AuthMethod {
  static final String MECHANISM = "SCRAM-SHA-256";
  static final String MECHANISM_PLUS = "SCRAM-SHA-256-PLUS";

  private final String label;
  private final ScramVerifier verifier;
  private final String serverNonce;
  private final Optional<ChannelBinding> binding;
  private boolean bound;
  private Expected expected = new Expected.Initial();

  /**
   * @param label which kind of secret it proves, for metrics
   * @param serverNonce the server's part of the nonce: printable, no comma, never used before
   * @param binding to the connection; empty where there is none
   */
  ScramSha256Auth(
      String label, ScramVerifier verifier, String serverNonce, Optional<ChannelBinding> binding) {
    this.label = label;
    this.verifier = verifier;
    this.serverNonce = serverNonce;
    this.binding = binding;
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

  /** With {@code -plus} where the connection was bound. */
  @Override
  public String proof() {
    return bound ? label + "-plus" : label;
  }

  @Override
  public boolean isGuess() {
    return true;
  }

  @Override
  public AuthStep begin() {
    return new AuthStep.AskSasl(
        binding.isPresent() ? List.of(MECHANISM_PLUS, MECHANISM) : List.of(MECHANISM));
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
    bound = binding.isPresent() && response.mechanism().equals(MECHANISM_PLUS);
    if (!bound && !response.mechanism().equals(MECHANISM)) {
      throw ProtocolViolation.of("client selected an invalid SASL authentication mechanism");
    }
    if (response.response().isEmpty()) {
      expected = new Expected.First();
      return new AuthStep.ContinueSasl("");
    }
    return first(response.response().get());
  }

  private AuthStep first(String message) throws ProtocolViolation {
    var first = ClientFirst.parse(message, bound, binding.isPresent());
    var nonce = first.nonce() + serverNonce;
    var serverFirst = "r=" + nonce + ",s=" + verifier.saltBase64() + ",i=" + verifier.iterations();
    expected = new Expected.Final(first, serverFirst, nonce);
    return new AuthStep.ContinueSasl(serverFirst);
  }

  private AuthStep last(Expected.Final wanted, String message) throws ProtocolViolation {
    var last = ClientFinal.parse(message);
    checkBinding(wanted.first().flag(), last.channelBinding());
    if (!last.nonce().equals(wanted.nonce())) {
      throw ScramErrors.invalid("Nonce does not match.");
    }
    var authMessage =
        wanted.first().bare() + "," + wanted.serverFirst() + "," + last.withoutProof();
    return verifier.proves(last.proof(), authMessage)
        ? new AuthStep.Matched(Optional.of("v=" + verifier.serverSignatureBase64(authMessage)))
        : new AuthStep.Mismatch();
  }

  private void checkBinding(ClientFirst.Flag flag, String given) throws ProtocolViolation {
    if (bound) {
      if (!given.equals(binding.orElseThrow().expectedBase64())) {
        throw ScramErrors.bindingMismatch();
      }
    } else if (!given.equals(Base64.getEncoder().encodeToString(flag.header().getBytes(UTF_8)))) {
      throw ProtocolViolation.of(
          "unexpected SCRAM channel-binding attribute in client-final-message");
    }
  }
}
