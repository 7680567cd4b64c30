package io.vela.agent.storage.driver;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.file.UntrustedFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

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
    var removal =
        new FutureTask<>(
            () -> {
              new UntrustedFolder(path).delete();
              return path;
            });
    // On a thread of its own: in the kernel a virtual thread would hold its carrier.
    Thread.ofPlatform().daemon().name("removal").start(removal);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          removal.get();
          return;
        } catch (InterruptedException e) {
          // Not left half done while its caller goes on.
          interrupted = true;
        } catch (ExecutionException e) {
          throw failed("%s could not be removed: %s".formatted(path, e.getCause()), e);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Takes from or gives to the owner the right to add and remove files in a volume's folder and in
   * the folders directly in it. The files keep their modes, because clones get the same: this stops
   * a Postgres from starting on a snapshot (it cannot write its lock file), not a person.
   */
  static void setTopWritable(Path volume, boolean writable) throws IOException {
    new UntrustedFolder(volume).setWritable(writable);
  }

  static CloneException failed(String message, Exception cause) {
    return new CloneException(new StorageFailed(message, ""), cause);
  }
}
