package io.vela.agent.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What a btrfs file system says of its space ({@code /sys/fs/btrfs/UUID/allocation}; Linux
 * documentation, btrfs(5), "SYSFS"). It divides its device into chunks, each for data or for
 * metadata, as they are needed.
 *
 * @param folder that one of {@code /sys}
 */
public record BtrfsAllocation(Path folder) {
  private static final Path FILE_SYSTEMS = Path.of("/sys/fs/btrfs");

  /** Of the file system that a path is on. */
  public static BtrfsAllocation of(Path path) throws IOException {
    var mount = Mounts.read().of(path).orElseThrow(() -> new IOException(path + ": no mount"));
    var device = Path.of(mount.source()).toRealPath().getFileName();
    try (var systems = Files.newDirectoryStream(FILE_SYSTEMS, "*-*")) {
      for (var system : systems) {
        if (Files.exists(system.resolve("devices").resolve(device))) {
          return new BtrfsAllocation(system.resolve("allocation"));
        }
      }
    }
    throw new IOException("%s has no btrfs on %s".formatted(FILE_SYSTEMS, mount.source()));
  }

  /** Bytes of data that are written and have no place yet, or have one and are on their way. */
  public long pendingBytes() throws IOException {
    return number("data/bytes_may_use") + number("data/bytes_reserved");
  }

  /** Bytes in chunks for metadata. */
  long metadataBytes() throws IOException {
    return number("metadata/total_bytes");
  }

  private long number(String name) throws IOException {
    return Long.parseLong(Files.readString(folder.resolve(name)).strip());
  }
}
