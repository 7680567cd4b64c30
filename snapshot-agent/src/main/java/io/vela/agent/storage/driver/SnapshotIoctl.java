package io.vela.agent.storage.driver;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * {@code BTRFS_IOC_SNAP_CREATE_V2} (Linux source, {@code include/uapi/linux/btrfs.h}): the call
 * that {@code btrfs subvolume snapshot} makes, without starting a program for it. Whoever connects
 * to a new branch waits for this.
 */
final class SnapshotIoctl {
  /** {@code _IOW(0x94, 23, struct btrfs_ioctl_vol_args_v2)}: the same on x86-64 and aarch64. */
  private static final long SNAP_CREATE_V2 = 0x5000_9417L;

  private static final long READ_ONLY = 2;

  /** {@code struct btrfs_ioctl_vol_args_v2}: fd, transid, flags, unused, the name at its end. */
  private static final long ARGUMENTS_BYTES = 4096;

  private static final long FLAGS_AT = 16;
  private static final long NAME_AT = 56;
  private static final int LONGEST_NAME = 255;

  private SnapshotIoctl() {}

  /**
   * Makes a snapshot of a subvolume. Blocks its thread in the kernel until it is on disk.
   *
   * @param target what it becomes: a name that is not there yet in a folder that is
   * @throws IOException with the system's error number
   */
  static void create(Path source, Path target, boolean readOnly) throws IOException {
    var name = String.valueOf(target.getFileName()).getBytes(StandardCharsets.UTF_8);
    if (name.length > LONGEST_NAME) {
      throw new IOException("the name is too long: " + target);
    }
    try (var from = OpenFolder.open(source);
        var folder = OpenFolder.open(target.toAbsolutePath().resolveSibling("."))) {
      var arguments = folder.argument(ARGUMENTS_BYTES);
      arguments.set(ValueLayout.JAVA_LONG, 0, from.descriptor());
      arguments.set(ValueLayout.JAVA_LONG, FLAGS_AT, readOnly ? READ_ONLY : 0);
      MemorySegment.copy(name, 0, arguments, ValueLayout.JAVA_BYTE, NAME_AT, name.length);
      folder.ioctl(
          SNAP_CREATE_V2, arguments, "btrfs could not snapshot " + source + " as " + target);
    }
  }
}
