package io.vela.agent.storage;

import io.vela.agent.CloneException;
import java.nio.file.Path;

/** Names the file system of a folder. */
public final class FileSystemType {
  private FileSystemType() {}

  /**
   * The name as {@code stat -f} prints it: btrfs, xfs, zfs, tmpfs. Java's own look-up fails inside
   * a btrfs subvolume, which has a device number of its own but no mount.
   */
  public static String of(Path folder) throws CloneException {
    var name = StorageCommand.run("stat", "--file-system", "--format=%T", folder.toString());
    // One magic number stands for all three, and it is ext4 nearly always.
    return name.strip().replace("ext2/ext3", "ext2/ext3/ext4");
  }
}
