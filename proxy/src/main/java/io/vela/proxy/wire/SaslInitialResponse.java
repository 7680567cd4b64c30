package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;
import java.util.Optional;

/**
 * A client's choice of SASL mechanism and its first message.
 *
 * @param mechanism as offered, such as {@code SCRAM-SHA-256}
 * @param response the client-first-message; empty when the client waits for a challenge
 */
public record SaslInitialResponse(String mechanism, Optional<String> response) {
  /**
   * Reads the payload of a message of type {@link FrontendType#PASSWORD}.
   *
   * @throws ProtocolViolation when it is not one
   */
  public static SaslInitialResponse parse(ByteBuf payload) throws ProtocolViolation {
    var reader = new PayloadReader("SASLInitialResponse", payload);
    var mechanism = reader.readString();
    int length = reader.readInt();
    Optional<String> response =
        length == -1 ? Optional.empty() : Optional.of(reader.decode(reader.readBytes(length)));
    reader.expectEnd();
    return new SaslInitialResponse(mechanism, response);
  }
}
