package io.vela.agent;

import io.vela.config.Durability;
import io.vela.config.Network;
import io.vela.config.ResourceLimits;
import java.time.Duration;

/**
 * How a clone's instance is run, beyond the guard, which always holds.
 *
 * @param durability what a commit promises
 * @param startTimeout how long a start may take, recovery included
 * @param replication whether base backups, WAL and logical streams can be taken from it
 * @param network what network its processes are in
 * @param limits what its processes may take of the host
 */
public record InstanceSettings(
    Durability durability,
    Duration startTimeout,
    boolean replication,
    Network network,
    ResourceLimits limits) {
  /** With no network and no limits. */
  public InstanceSettings(Durability durability, Duration startTimeout, boolean replication) {
    this(durability, startTimeout, replication, Network.NONE, ResourceLimits.NONE);
  }

  /** The same with another promise. */
  public InstanceSettings with(Durability kept) {
    return new InstanceSettings(kept, startTimeout, replication, network, limits);
  }
}
