package io.vela.cli.log;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.rolling.RollingFileAppender;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/** A log that only its owner may read: it names people, addresses and what they ask for. */
final class PrivateLogFile extends RollingFileAppender<ILoggingEvent> {
  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rw-------");

  @Override
  public void openFile(String name) throws IOException {
    var file = Path.of(name);
    try {
      Files.createFile(file, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
    } catch (FileAlreadyExistsException e) {
      // Whatever the umask of an earlier Vela was.
      Files.setPosixFilePermissions(file, OWNER_ONLY);
    }
    super.openFile(name);
  }

  /** Closes to others what earlier versions of Vela have left open. */
  static void closeOld(Path folder, String name) throws IOException {
    try (var files = Files.newDirectoryStream(folder, name + "*.log*")) {
      for (var file : files) {
        Files.setPosixFilePermissions(file, OWNER_ONLY);
      }
    }
  }
}
