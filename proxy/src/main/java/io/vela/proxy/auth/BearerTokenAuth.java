package io.vela.proxy.auth;

import java.util.Optional;

/**
 * A branch token presented in full where the branch is named. The router verified its secret when
 * it located the branch, so no password is asked.
 */
public final class BearerTokenAuth implements AuthMethod {
  @Override
  public String label() {
    return "bearer";
  }

  @Override
  public AuthStep begin() {
    return new AuthStep.Matched(Optional.empty());
  }
}
