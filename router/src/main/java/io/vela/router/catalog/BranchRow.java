package io.vela.router.catalog;

import io.vela.agent.CloneId;
import io.vela.agent.SnapshotId;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.Router.BranchSettings;
import java.time.Instant;

/**
 * A branch as the catalogue has it.
 *
 * @param id the branch's own identity: name and clone may change, tokens refer to this
 * @param cloneId the clone under it
 * @param snapshot what the clone was made from
 * @param baseline the baseline whose policy holds
 * @param phase how far its making or unmaking has come
 * @param settings what is not as the policy says
 * @param createdAt when it was made
 */
public record BranchRow(
    long id,
    BranchName name,
    CloneId cloneId,
    SnapshotId snapshot,
    BaselineName baseline,
    Phase phase,
    BranchSettings settings,
    Instant createdAt) {
  /** The same with other settings. */
  public BranchRow with(BranchSettings other) {
    return new BranchRow(id, name, cloneId, snapshot, baseline, phase, other, createdAt);
  }

  /** What a crash may have interrupted. */
  public enum Phase {
    /** As earlier versions wrote it before the clone, which may be there or not: nobody has it. */
    CREATING,
    /** The clone is there. */
    READY,
    /** Someone was promised that it goes; the clone may be there or not. */
    DELETING
  }
}
