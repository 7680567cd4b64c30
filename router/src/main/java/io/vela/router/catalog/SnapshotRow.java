package io.vela.router.catalog;

import io.vela.agent.SnapshotId;
import io.vela.config.value.BaselineName;
import java.time.Instant;

/** A snapshot as the catalogue has it. */
public record SnapshotRow(SnapshotId id, BaselineName baseline, Instant createdAt) {}
