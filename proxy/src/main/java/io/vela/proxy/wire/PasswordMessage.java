package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;

/**
 * A client's password.
 *
 * @param password as typed, or {@code md5...}; depends on what it was asked for
 */
public record PasswordMessage(String password) {
  /**
   * Reads the payload of a message of type {@link FrontendType#PASSWORD}.
   *
   * @throws ProtocolViolation when it is not one
   */
  public static PasswordMessage parse(ByteBuf payload) throws ProtocolViolation {
    var reader = new PayloadReader("password packet", payload);
    var password = reader.readString();
    reader.expectEnd();
    return new PasswordMessage(password);
  }

  /** Never the password. */
  @Override
  public String toString() {
    return "PasswordMessage[***]";
  }
}
