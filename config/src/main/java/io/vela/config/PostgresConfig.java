package io.vela.config;

import io.vela.config.value.ByteSize;
import java.nio.file.Path;
import java.util.List;

/**
 * The Postgres that instances run on.
 *
 * @param searchPath folders that hold {@code <major>/bin/postgres} or {@code bin/postgres}, looked
 *     at before the usual places
 * @param version the major version of new, empty baselines
 * @param sharedBuffers {@code shared_buffers} of every instance, whatever the copied configuration
 *     says: a clone of a 64 GB server must start on a laptop
 * @param isolation how far the processes of branches are to be locked in
 */
public record PostgresConfig(
    List<Path> searchPath, int version, ByteSize sharedBuffers, Isolation isolation) {
  /** Postgres 18 from the usual places, 32 MB of shared buffers. */
  public static final PostgresConfig DEFAULT =
      new PostgresConfig(List.of(), 18, ByteSize.parse("32MB"));

  /** Locked in as far as the host lets Vela. */
  public PostgresConfig(List<Path> searchPath, int version, ByteSize sharedBuffers) {
    this(searchPath, version, sharedBuffers, Isolation.AUTO);
  }

  /**
   * @throws IllegalArgumentException for a version before 14 or buffers below Postgres's minimum
   */
  public PostgresConfig {
    searchPath = List.copyOf(searchPath);
    if (version < 14) {
      throw new IllegalArgumentException("Postgres " + version + " is not supported: 14 or later");
    }
    if (sharedBuffers.bytes() < 128 << 10) {
      throw new IllegalArgumentException("shared-buffers must be at least 128kB");
    }
  }
}
