package io.vela.agent.storage.driver;

import io.vela.agent.CloneException;
import io.vela.agent.Usage;
import io.vela.agent.storage.StorageCommand;
import io.vela.agent.storage.StorageDriver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Copies whose files share their blocks ({@code FICLONE}, ioctl_ficlone(2)): xfs with {@code
 * reflink=1}, btrfs. Takes time with the number of files, not with their size. A copy is not of one
 * instant, so nobody may write to the source.
 */
public final class ReflinkDriver implements StorageDriver {
  private final FileCopies copies = new FileCopies("always");

  @Override
  public String name() {
    return "reflink";
  }

  @Override
  public Probe probe(Path pool) {
    try {
      // Some file systems share nothing of an empty file and succeed, so it has a block.
      var file = Files.write(Files.createTempFile(pool, ".probe-", ""), new byte[4096]);
      var copy = FileTree.partial(file);
      try {
        StorageCommand.run("cp", "--reflink=always", "--", file.toString(), copy.toString());
        return new Probe.Usable();
      } finally {
        Files.deleteIfExists(copy);
        Files.delete(file);
      }
    } catch (CloneException e) {
      var message = e.failure().message();
      var cause = message.substring(message.lastIndexOf(": ") + 1).strip();
      return new Probe.Unusable("files of %s cannot share blocks: %s".formatted(pool, cause));
    } catch (IOException e) {
      return new Probe.Unusable(pool + " is not writable: " + e);
    }
  }

  @Override
  public void create(Path volume) throws CloneException {
    copies.create(volume);
  }

  @Override
  public void snapshot(Path source, Path target) throws CloneException {
    copies.copy(source, target, true, true);
  }

  @Override
  public void clone(Path source, Path target) throws CloneException {
    // No flush: the snapshot's blocks are on disk, and the file system's log keeps the order of
    // sharing them and of giving the copy its name.
    copies.copy(source, target, false, false);
  }

  @Override
  public void destroy(Path volume) throws CloneException {
    copies.destroy(volume);
  }

  @Override
  public Usage usage(Path volume) throws CloneException {
    return Extents.usage(volume);
  }
}
