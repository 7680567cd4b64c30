package io.vela.proxy.tls;

import org.jspecify.annotations.Nullable;

/** A listener's TLS cannot be set up; the message names the file and what is wrong with it. */
public final class TlsException extends Exception {
  private static final long serialVersionUID = 1L;

  TlsException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /** Of a file. */
  static TlsException of(java.nio.file.Path file, String problem, @Nullable Throwable cause) {
    return new TlsException(file + ": " + problem, cause);
  }
}
