package io.vela.agent;

import io.vela.config.Durability;
import java.time.Duration;

/**
 * How a clone's instance is run, beyond the guard, which always holds.
 *
 * @param durability what a commit promises
 * @param startTimeout how long a start may take, recovery included
 * @param replication whether base backups, WAL and logical streams can be taken from it
 */
public record InstanceSettings(Durability durability, Duration startTimeout, boolean replication) {}
