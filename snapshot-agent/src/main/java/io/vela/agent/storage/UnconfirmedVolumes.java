package io.vela.agent.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashSet;
import java.util.Set;

/**
 * The volumes that are being made and have no row in the catalogue yet: an empty file of that name
 * for each, in the pool's folder {@code creating}. The file is made before the volume and removed
 * when the row is there, so a crash leaves a file where it may have left half of a creation.
 *
 * <p>The files are not forced to disk. A crash of the host may lose one, and then the volume counts
 * as data that somebody may want: it is quarantined and not removed.
 */
final class UnconfirmedVolumes {
  private final Path folder;

  UnconfirmedVolumes(Path root) {
    this.folder = root.resolve("creating");
  }

  /** Makes the folder, which is only Vela's. */
  void prepare() throws IOException {
    Files.createDirectories(folder);
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
  }

  void begin(String id) throws IOException {
    Files.createFile(folder.resolve(id));
  }

  /** Idempotent. */
  void end(String id) throws IOException {
    Files.deleteIfExists(folder.resolve(id));
  }

  Set<String> all() throws IOException {
    try (var files = Files.newDirectoryStream(folder)) {
      var ids = new HashSet<String>();
      files.forEach(file -> ids.add(String.valueOf(file.getFileName())));
      return ids;
    }
  }
}
