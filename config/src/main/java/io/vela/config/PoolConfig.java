package io.vela.config;

import io.vela.config.value.ByteSize;
import java.nio.file.Path;
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
  /** The best driver, in the data directory, at most 64 GB, 256 MB kept free. */
  public static final PoolConfig DEFAULT =
      new PoolConfig("auto", Optional.empty(), ByteSize.parse("64GB"), ByteSize.parse("256MB"));
}
