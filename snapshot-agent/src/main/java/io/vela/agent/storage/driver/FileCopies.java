package io.vela.agent.storage.driver;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.storage.StorageCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/**
 * Volumes that are copied file by file. A copy has its name only when it is complete, and loses it
 * before its first file is removed.
 *
 * @param reflink how {@code cp --reflink} is to copy: always or never
 */
record FileCopies(String reflink) {
  void create(Path volume) throws CloneException {
    try {
      Files.createDirectory(volume);
    } catch (IOException e) {
      throw FileTree.failed("%s could not be made: %s".formatted(volume, e), e);
    }
  }

  /**
   * @param frozen whether the copy is a snapshot
   * @param flush whether the copy's blocks must be on disk before it gets its name
   */
  void copy(Path source, Path target, boolean frozen, boolean flush) throws CloneException {
    if (FileTree.exists(target)) {
      throw new CloneException(new StorageFailed(target + " is there already", ""));
    }
    var partial = FileTree.partial(target);
    FileTree.delete(partial);
    try {
      StorageCommand.run(
          List.of("cp", "-a", "--reflink=" + reflink, "-T", "--", "" + source, "" + partial),
          StorageCommand.LONG);
      FileTree.setTopWritable(partial, !frozen);
      if (flush) {
        StorageCommand.run(
            List.of("sync", "--file-system", partial.toString()), StorageCommand.LONG);
      }
      Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      var failure = FileTree.failed("%s could not be copied: %s".formatted(source, e), e);
      StorageCommand.cleanUp(failure, () -> FileTree.delete(partial));
      throw failure;
    } catch (CloneException e) {
      StorageCommand.cleanUp(e, () -> FileTree.delete(partial));
      throw e;
    }
  }

  void destroy(Path volume) throws CloneException {
    var partial = FileTree.partial(volume);
    FileTree.delete(partial);
    if (FileTree.exists(volume)) {
      try {
        Files.move(volume, partial, StandardCopyOption.ATOMIC_MOVE);
      } catch (IOException e) {
        throw FileTree.failed("%s could not be removed: %s".formatted(volume, e), e);
      }
      FileTree.delete(partial);
    }
  }
}
