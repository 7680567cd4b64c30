package io.vela.proxy.net;

import org.jspecify.annotations.Nullable;

/** A transport cannot be used here; the message says which and why. */
public final class TransportException extends Exception {
  private static final long serialVersionUID = 1L;

  TransportException(String message, @Nullable Throwable cause) {
    super(cause == null ? message : message + ": " + cause.getMessage(), cause);
  }
}
