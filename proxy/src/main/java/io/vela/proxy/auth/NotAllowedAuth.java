package io.vela.proxy.auth;

import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.SqlState;

/** For a client whose way to prove itself is not one of its listener's. */
public final class NotAllowedAuth implements AuthMethod {
  private final String label;
  private final String message;

  /**
   * @param label of the method that is not allowed
   * @param message what the client is told
   */
  NotAllowedAuth(String label, String message) {
    this.label = label;
    this.message = message;
  }

  @Override
  public String label() {
    return label;
  }

  @Override
  public AuthStep begin() {
    return new AuthStep.Refuse(
        ErrorMessage.fatal(SqlState.INVALID_AUTHORIZATION_SPECIFICATION, message));
  }
}
