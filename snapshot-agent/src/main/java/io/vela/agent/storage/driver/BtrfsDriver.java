package io.vela.agent.storage.driver;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.CloneId;
import io.vela.agent.Usage;
import io.vela.agent.exec.Programs;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.storage.BtrfsAllocation;
import io.vela.agent.storage.FileSystemType;
import io.vela.agent.storage.MountOptions;
import io.vela.agent.storage.StorageCommand;
import io.vela.agent.storage.StorageDriver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;

/**
 * Subvolumes of btrfs (btrfs-subvolume(8)). A snapshot or clone is atomic and takes the same few
 * milliseconds at any size.
 */
public final class BtrfsDriver implements StorageDriver {
  /** Every subvolume's root has this inode number, and nothing else has. */
  private static final long SUBVOLUME_INODE = 256;

  @Override
  public String name() {
    return "btrfs";
  }

  @Override
  public Probe probe(Path pool) {
    try {
      var type = FileSystemType.of(pool);
      if (!type.equals("btrfs")) {
        return new Probe.Unusable("the file system of %s is %s, not btrfs".formatted(pool, type));
      }
      if (Programs.find("btrfs").isEmpty()) {
        return new Probe.Unusable("btrfs is missing: install the package btrfs-progs");
      }
      var volume = pool.resolve(".probe-" + CloneId.random());
      create(volume);
      destroy(volume);
      return new Probe.Usable();
    } catch (CloneException e) {
      return new Probe.Unusable(e.failure().message());
    }
  }

  @Override
  public void create(Path volume) throws CloneException {
    StorageCommand.run("btrfs", "subvolume", "create", volume.toString());
  }

  /**
   * On a file system that is mounted with {@code flushoncommit} (btrfs(5)), for files that are
   * copied on write. What is written in place, as in volumes that an earlier Vela made ({@code
   * chattr +C}), gets to the disk between two commits.
   *
   * <p>A commit is not one instant: of two files, one may be flushed some milliseconds before the
   * other (docs/decisions/0003-durability.md).
   */
  @Override
  public boolean flushesOnCommit(Path folder) throws CloneException {
    try {
      return MountOptions.of(folder).contains("flushoncommit")
          && FileFlags.read(folder).copiedOnWrite();
    } catch (IOException e) {
      throw FileTree.failed("%s cannot be read: %s".formatted(folder, e), e);
    }
  }

  @Override
  public void snapshot(Path source, Path target) throws CloneException {
    snapshot(source, target, true);
  }

  @Override
  public void clone(Path source, Path target) throws CloneException {
    snapshot(source, target, false);
  }

  private void snapshot(Path source, Path target, boolean readOnly) throws CloneException {
    if (FileTree.exists(target)) {
      throw new CloneException(new StorageFailed(target + " is there already", ""));
    }
    if (Thread.currentThread().isInterrupted()) {
      throw new CloneException(new StorageFailed("interrupted before " + target + " was made", ""));
    }
    try {
      KernelThread.call(
          "btrfs-snapshot",
          () -> {
            SnapshotIoctl.create(source, target, readOnly);
            return target;
          });
    } catch (IOException e) {
      throw FileTree.failed(String.valueOf(e.getMessage()), e);
    }
  }

  @Override
  public void destroy(Path volume) throws CloneException {
    if (!FileTree.exists(volume)) {
      return;
    }
    if (!isSubvolume(volume)) {
      FileTree.delete(volume);
      return;
    }
    try {
      StorageCommand.run("btrfs", "subvolume", "delete", volume.toString());
    } catch (CloneException e) {
      // Without the mount option user_subvol_rm_allowed only root may do that, but an empty
      // subvolume may be removed like a folder; and nobody may while there is another in it, which
      // a branch's owner may have made. It is then not atomic.
      if (Thread.currentThread().isInterrupted()
          || (!ServiceUser.runningAsRoot() && ownedByAnother(volume))) {
        throw e;
      }
      StorageCommand.run(
          "btrfs", "property", "set", "-t", "subvol", volume.toString(), "ro", "false");
      FileTree.delete(renamed(volume));
    }
  }

  private static Path renamed(Path volume) throws CloneException {
    try {
      return Files.move(volume, FileTree.partial(volume));
    } catch (IOException e) {
      throw FileTree.failed("%s could not be removed: %s".formatted(volume, e), e);
    }
  }

  private static boolean isSubvolume(Path volume) throws CloneException {
    try {
      return Files.isDirectory(volume, LinkOption.NOFOLLOW_LINKS)
          && Files.getAttribute(volume, "unix:ino") instanceof Long inode
          && inode == SUBVOLUME_INODE;
    } catch (IOException e) {
      throw FileTree.failed("%s cannot be read: %s".formatted(volume, e), e);
    }
  }

  private static boolean ownedByAnother(Path volume) throws CloneException {
    try {
      return !Files.getOwner(volume).getName().equals(System.getProperty("user.name"));
    } catch (IOException e) {
      throw FileTree.failed("%s cannot be read: %s".formatted(volume, e), e);
    }
  }

  @Override
  public Usage usage(Path volume) throws CloneException {
    return Extents.usage(volume);
  }

  @Override
  public long pendingBytes(Path pool) throws CloneException {
    try {
      return BtrfsAllocation.of(pool).pendingBytes();
    } catch (IOException e) {
      throw FileTree.failed("the space of %s cannot be read: %s".formatted(pool, e), e);
    }
  }
}
