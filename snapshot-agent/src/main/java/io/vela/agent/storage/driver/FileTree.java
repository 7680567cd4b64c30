package io.vela.agent.storage.driver;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A volume as plain files. */
final class FileTree {
  private FileTree() {}

  static boolean exists(Path path) {
    return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
  }

  /** Fails when there is no such volume. */
  static void require(Path volume) throws CloneException {
    if (!exists(volume)) {
      throw new CloneException(new StorageFailed(volume + " is not there", ""));
    }
  }

  /** A volume's name while it is being made or removed; nothing of that name counts as a volume. */
  static Path partial(Path volume) {
    return volume.resolveSibling(volume.getFileName() + ".partial");
  }

  /** Removes a folder with all in it, also what is not writable; no error when it is not there. */
  static void delete(Path path) throws CloneException {
    if (!exists(path)) {
      return;
    }
    try {
      Files.walkFileTree(
          path,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes)
                throws IOException {
              setWritable(folder, true);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                throws IOException {
              Files.delete(file);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException failure)
                throws IOException {
              if (failure != null) {
                throw failure;
              }
              Files.delete(folder);
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      throw failed("%s could not be removed: %s".formatted(path, e), e);
    }
  }

  /**
   * Takes from or gives to the owner the right to add and remove files in a volume's folder and in
   * the folders directly in it. The files keep their modes, because clones get the same: this stops
   * a Postgres from starting on a snapshot (it cannot write its lock file), not a person.
   */
  static void setTopWritable(Path volume, boolean writable) throws IOException {
    var folders = new ArrayList<>(List.of(volume));
    try (var entries = Files.newDirectoryStream(volume, FileTree::isFolder)) {
      entries.forEach(folders::add);
    }
    for (var folder : folders) {
      setWritable(folder, writable);
    }
  }

  private static boolean isFolder(Path path) {
    return Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
  }

  private static void setWritable(Path folder, boolean writable) throws IOException {
    var permissions = Files.getPosixFilePermissions(folder);
    var changed =
        writable
            ? permissions.addAll(
                Set.of(
                    PosixFilePermission.OWNER_READ,
                    PosixFilePermission.OWNER_WRITE,
                    PosixFilePermission.OWNER_EXECUTE))
            : permissions.remove(PosixFilePermission.OWNER_WRITE);
    if (changed) {
      Files.setPosixFilePermissions(folder, permissions);
    }
  }

  static CloneException failed(String message, Exception cause) {
    return new CloneException(new StorageFailed(message, ""), cause);
  }
}
