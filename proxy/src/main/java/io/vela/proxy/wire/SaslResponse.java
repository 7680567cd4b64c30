package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;

/**
 * A client's further message of a SASL exchange.
 *
 * @param response the message
 */
public record SaslResponse(String response) {
  /**
   * Reads the payload of a message of type {@link FrontendType#PASSWORD}.
   *
   * @throws ProtocolViolation when it is not UTF-8
   */
  public static SaslResponse parse(ByteBuf payload) throws ProtocolViolation {
    var reader = new PayloadReader("SASLResponse", payload);
    return new SaslResponse(reader.decode(reader.readRest()));
  }
}
