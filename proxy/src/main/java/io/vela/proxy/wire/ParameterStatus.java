package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;

/** The value of a run-time parameter, as the server reports it. */
public record ParameterStatus(String name, String value) {
  /**
   * Reads the payload of a message of type {@link BackendType#PARAMETER_STATUS}.
   *
   * @throws ProtocolViolation when it is not one
   */
  public static ParameterStatus parse(ByteBuf payload) throws ProtocolViolation {
    var reader = new PayloadReader("ParameterStatus", payload);
    var status = new ParameterStatus(reader.readString(), reader.readString());
    reader.expectEnd();
    return status;
  }
}
