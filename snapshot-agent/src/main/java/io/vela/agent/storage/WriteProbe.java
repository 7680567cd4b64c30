package io.vela.agent.storage;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * Finds out whether a folder's file system can be written, by writing: what a mount says of itself
 * differs between file systems, and one that has shut down after an error says nothing.
 */
final class WriteProbe {
  /** {@code strerror(ENOSPC)} and {@code strerror(EDQUOT)}: no room is not no writing. */
  private static final String NO_SPACE = "No space left on device";

  private static final String OVER_QUOTA = "Disk quota exceeded";

  private final Path file;

  WriteProbe(Path folder) {
    this.file = folder.resolve(".writable");
  }

  /** Why it cannot be written; empty where it can, or where only room is missing. */
  Optional<String> problem() {
    try {
      Files.deleteIfExists(file);
      Files.write(file, new byte[0], StandardOpenOption.CREATE_NEW);
      Files.delete(file);
      return Optional.empty();
    } catch (FileSystemException e) {
      var known = e.getReason();
      var reason = known == null ? e.toString() : known;
      return reason.equals(NO_SPACE) || reason.equals(OVER_QUOTA)
          ? Optional.empty()
          : Optional.of(reason);
    } catch (IOException e) {
      return Optional.of(e.toString());
    }
  }
}
