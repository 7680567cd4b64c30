package io.vela.agent;

/**
 * A snapshot in the pool.
 *
 * @param id its id
 * @param clean whether Postgres was stopped cleanly before it was frozen, so that clones start
 *     without recovery
 * @param bytes size of its data as a full copy would be
 * @param contents what it holds
 */
public record SnapshotInfo(SnapshotId id, boolean clean, long bytes, Contents contents) {}
