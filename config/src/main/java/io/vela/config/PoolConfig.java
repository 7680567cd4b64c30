package io.vela.config;

import io.vela.config.value.ByteSize;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The copy-on-write storage of snapshots and clones.
 *
 * @param driver {@code auto} or a driver's name: zfs, btrfs, reflink, copy
 * @param path the pool's folder (for zfs the dataset's mount point); without one, {@code pool} in
 *     the data directory
 * @param loopSize the most that a loop-backed pool made by Vela may grow to
 * @param reserve free space below which nothing new is created
 */
public record PoolConfig(String driver, Optional<Path> path, ByteSize loopSize, ByteSize reserve) {
  /** What {@link #driver} may be. */
  public static final List<String> DRIVERS = List.of("auto", "zfs", "btrfs", "reflink", "copy");

  /** The best driver, in the data directory, at most 64 GB, 256 MB kept free. */
  public static final PoolConfig DEFAULT =
      new PoolConfig("auto", Optional.empty(), ByteSize.parse("64GB"), ByteSize.parse("256MB"));

  /**
   * @throws IllegalArgumentException for an unknown driver
   */
  public PoolConfig {
    driver = validDriver(driver);
  }

  static String validDriver(String text) {
    if (!DRIVERS.contains(text)) {
      throw new IllegalArgumentException(
          "\""
              + text
              + "\" is not a storage driver; expected one of "
              + String.join(", ", DRIVERS));
    }
    return text;
  }
}
