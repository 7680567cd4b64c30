package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.UnsupportedSource;
import io.vela.agent.exec.ServiceUser;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What can be known and must be changed in a data directory whose server does not run (Postgres
 * documentation, section 66.1, "Database File Layout").
 *
 * @param path the folder that holds {@code PG_VERSION}
 */
public record DataDirectory(Path path) {
  /** It would follow the primary, or wait for its archive. */
  private static final List<String> SIGNALS = List.of("standby.signal", "recovery.signal");

  private static final List<String> LEFTOVERS =
      List.of(PostmasterFile.NAME, "postmaster.opts", "current_logfiles", "backup_manifest");

  /** The data directory of a volume. */
  public static DataDirectory in(Path volume) {
    return new DataDirectory(volume.resolve("data"));
  }

  /**
   * Its major version.
   *
   * @throws CloneException with {@link UnsupportedSource} when it is no data directory
   */
  public int major() throws CloneException, IOException {
    try {
      return Integer.parseInt(Files.readString(path.resolve("PG_VERSION")).strip());
    } catch (NoSuchFileException | NumberFormatException e) {
      throw new CloneException(
          new UnsupportedSource(
              path + " is not a data directory of Postgres 10 or later",
              "Name the folder that holds PG_VERSION."),
          e);
    }
  }

  /** Whether a server was stopped cleanly on it, so that it starts without recovery. */
  public boolean isShutDown() throws IOException {
    return ControlFile.read(path).isShutDown();
  }

  /** Whether a primary or a standby was stopped cleanly on it, so that its files are complete. */
  public boolean isComplete() throws IOException {
    var control = ControlFile.read(path);
    return control.isShutDown() || control.isShutDownStandby();
  }

  /** Whether a server runs on it. */
  public boolean isInUse() throws IOException {
    return PostmasterFile.read(path)
        .flatMap(file -> RunningProcesses.find(file.pid()))
        .filter(process -> process.argv().getFirst().contains("postgres"))
        .isPresent();
  }

  /** The tablespaces outside of it, by their object ids. */
  public List<String> tablespaces() throws IOException {
    try (var links = Files.list(path.resolve("pg_tblspc"))) {
      return links.map(link -> link.getFileName().toString()).sorted().toList();
    }
  }

  /** The size of all its files. */
  public long bytes() throws IOException {
    var sum = new long[1];
    Files.walkFileTree(
        path,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            sum[0] += attributes.size();
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException failure)
              throws IOException {
            if (failure instanceof NoSuchFileException) {
              // Whoever writes the folder at this moment has removed it.
              return FileVisitResult.CONTINUE;
            }
            throw failure;
          }
        });
    return sum[0];
  }

  /**
   * Removes what would make its next server a standby, or have it wait for an archive: whoever may
   * write files as the server can make it. Cheap enough for each start.
   */
  public void removeSignals() throws IOException {
    for (var name : SIGNALS) {
      Files.deleteIfExists(path.resolve(name));
    }
  }

  /** Removes what would make its next server a standby, a sender or a second one. */
  public void removeLeftovers() throws IOException {
    removeSignals();
    for (var name : LEFTOVERS) {
      Files.deleteIfExists(path.resolve(name));
    }
    var slots = path.resolve("pg_replslot");
    if (Files.isDirectory(slots)) {
      try (var folders = Files.newDirectoryStream(slots)) {
        for (var slot : folders) {
          delete(slot);
        }
      }
    }
  }

  /**
   * Gives it a configuration file when it has none: Debian keeps it elsewhere.
   *
   * @param lines what to write into it
   */
  public void ensureConfiguration(List<String> lines, ServiceUser user) throws IOException {
    var file = path.resolve("postgresql.conf");
    if (!Files.exists(file)) {
      Files.write(file, lines);
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
      user.ownOne(file);
    }
  }

  /** Removes a folder with all in it; no error when it is not there. */
  public static void delete(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    Files.walkFileTree(
        folder,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path emptied, @Nullable IOException failure)
              throws IOException {
            Files.delete(emptied);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
