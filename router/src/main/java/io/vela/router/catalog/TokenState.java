package io.vela.router.catalog;

import java.util.Locale;

/** Whether a token lets anybody in. */
public enum TokenState {
  /** It does. */
  GOOD,
  /** Its time is over. */
  EXPIRED,
  /** It was taken back, whether or not its time is over as well. */
  REVOKED;

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
