package io.vela.proxy.auth;

import io.vela.proxy.wire.ProtocolViolation;
import java.util.Base64;

/**
 * The client's last SCRAM message (RFC 5802 section 7, {@code client-final-message}).
 *
 * @param channelBinding the attribute {@code c}, in base64
 * @param nonce both nonces, joined
 * @param withoutProof what is signed
 * @param proofBase64 the attribute {@code p}, in base64
 */
record ClientFinal(String channelBinding, String nonce, String withoutProof, String proofBase64) {
  static ClientFinal parse(String message) throws ProtocolViolation {
    var proofAt = message.lastIndexOf(",p=");
    if (proofAt < 0) {
      throw ScramErrors.malformed("Expected attribute \"p\".");
    }
    var withoutProof = message.substring(0, proofAt);
    var attributes = withoutProof.split(",", -1);
    if (attributes.length < 2
        || !attributes[0].startsWith("c=")
        || !attributes[1].startsWith("r=")) {
      throw ScramErrors.malformed("Expected attribute \"c\" and then attribute \"r\".");
    }
    return new ClientFinal(
        attributes[0].substring(2),
        attributes[1].substring(2),
        withoutProof,
        message.substring(proofAt + 3));
  }

  byte[] proof() throws ProtocolViolation {
    try {
      var proof = Base64.getDecoder().decode(proofBase64);
      if (proof.length == ScramVerifier.KEY_BYTES) {
        return proof;
      }
    } catch (IllegalArgumentException notBase64) {
      throw malformedProof();
    }
    throw malformedProof();
  }

  private static ProtocolViolation malformedProof() {
    return ScramErrors.malformed("Malformed proof in client-final-message.");
  }
}
