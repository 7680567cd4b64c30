package io.vela.agent.file;

import java.nio.file.FileSystemException;

/** What is there under a name is not what may be read or written, such as a link or a device. */
public final class UnsafeFileException extends FileSystemException {
  private static final long serialVersionUID = 1;

  /**
   * @param path escaped already
   */
  UnsafeFileException(String path, String reason) {
    super(path, null, reason);
  }
}
