package io.vela.agent.storage;

import io.vela.agent.CloneException;
import java.nio.file.Path;

/** Names the file system of a folder. */
public final class FileSystemType {
  private FileSystemType() {}

  /**
   * The name as {@code stat -f} prints it: btrfs, xfs, ext2/ext3, zfs, tmpfs. Java's own look-up
   * fails inside a btrfs subvolume, which has a device number of its own but no mount.
   */
  public static String of(Path folder) throws CloneException {
    return StorageCommand.run("stat", "--file-system", "--format=%T", folder.toString()).strip();
  }
}
