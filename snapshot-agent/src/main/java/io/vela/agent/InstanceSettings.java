package io.vela.agent;

import io.vela.config.Durability;
import io.vela.config.Network;
import java.time.Duration;

/**
 * How a clone's instance is run, beyond the guard, which always holds.
 *
 * @param durability what a commit promises
 * @param startTimeout how long a start may take, recovery included
 * @param replication whether base backups, WAL and logical streams can be taken from it
 * @param network what network its processes are in
 */
public record InstanceSettings(
    Durability durability, Duration startTimeout, boolean replication, Network network) {
  /** With no network. */
  public InstanceSettings(Durability durability, Duration startTimeout, boolean replication) {
    this(durability, startTimeout, replication, Network.NONE);
  }

  /** The same with another promise. */
  public InstanceSettings with(Durability kept) {
    return new InstanceSettings(kept, startTimeout, replication, network);
  }
}
