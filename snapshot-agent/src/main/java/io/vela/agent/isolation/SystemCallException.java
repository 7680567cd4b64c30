package io.vela.agent.isolation;

import java.io.IOException;

/** A system call that the kernel refused. */
final class SystemCallException extends IOException {
  private static final long serialVersionUID = 1L;

  private final int error;

  /**
   * @param call what was tried, for a person
   * @param error the error number (errno(3))
   */
  SystemCallException(String call, int error) {
    super(call + " failed with error " + error);
    this.error = error;
  }

  int error() {
    return error;
  }
}
