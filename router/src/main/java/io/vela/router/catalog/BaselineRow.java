package io.vela.router.catalog;

import io.vela.agent.SnapshotId;
import io.vela.config.value.BaselineName;
import java.time.Instant;

/**
 * A baseline as the catalogue has it.
 *
 * @param current the snapshot that new branches come from
 * @param refreshedAt when that became the current one
 */
public record BaselineRow(
    BaselineName name, SnapshotId current, Instant createdAt, Instant refreshedAt) {}
