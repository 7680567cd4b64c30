package io.vela.agent;

import java.util.Set;

/**
 * What was being made and was never confirmed: the volumes may be there or not. Where the catalogue
 * has no row of one of them, nobody was ever promised it.
 */
public record Unconfirmed(Set<CloneId> clones, Set<SnapshotId> snapshots) {
  public Unconfirmed {
    clones = Set.copyOf(clones);
    snapshots = Set.copyOf(snapshots);
  }
}
