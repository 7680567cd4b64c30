package io.vela.router.catalog;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure;
import io.vela.agent.CloneId;
import io.vela.agent.CloneInfo;
import io.vela.agent.CloneService;
import io.vela.agent.SnapshotId;
import io.vela.agent.SnapshotInfo;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes catalogue and pool agree when Vela starts, whatever the last one was doing when it ended.
 *
 * <p>What was never promised to anyone goes (half-made branches, warm clones, volumes without a
 * row), what was promised to go goes, and what is there stays. A branch whose clone is not there is
 * told, never made anew. Doing it twice is as doing it once, so a crash in here does no harm.
 */
public final class Reconciler {
  private static final Logger log = LoggerFactory.getLogger(Reconciler.class);

  private final Catalog catalog;
  private final CloneService agent;
  private final Duration stopTimeout;

  /**
   * @param stopTimeout how long an instance of a clone that goes may take to stop
   */
  public Reconciler(Catalog catalog, CloneService agent, Duration stopTimeout) {
    this.catalog = catalog;
    this.agent = agent;
    this.stopTimeout = stopTimeout;
  }

  /**
   * What there is.
   *
   * @param branches whose clones are there, with what is known of them
   * @param missing branches whose clones are not
   * @param snapshots in catalogue and pool
   */
  public record Outcome(
      Map<BranchRow, CloneInfo> branches,
      List<BranchRow> missing,
      Map<SnapshotId, SnapshotInfo> snapshots) {}

  /**
   * Puts things right.
   *
   * @throws RouteException when catalogue or pool cannot be read, or an unneeded clone not removed
   */
  public Outcome reconcile() throws RouteException {
    try {
      var rows = catalog.branches();
      var clones =
          agent.clones().stream().collect(Collectors.toMap(CloneInfo::id, Function.identity()));
      refuseForeignPool(rows, clones);
      var kept = new HashMap<BranchRow, CloneInfo>();
      var missing = new ArrayList<BranchRow>();
      for (var row : rows) {
        var clone = clones.remove(row.cloneId());
        switch (row.phase()) {
          case CREATING, DELETING -> {
            log.info(
                "unfinished branch removed branch={} clone={} phase={}",
                row.name(),
                row.cloneId(),
                PgRows.name(row.phase()));
            destroy(row.cloneId(), clone != null && clone.running().isPresent());
            catalog.removeBranch(row.id());
          }
          case READY -> {
            if (clone == null) {
              log.error("branch without its clone branch={} clone={}", row.name(), row.cloneId());
              missing.add(row);
            } else {
              kept.put(row, clone);
            }
          }
        }
      }
      for (var warm : catalog.warm().all()) {
        var clone = clones.remove(warm);
        log.info("warm clone of an earlier Vela removed clone={}", warm);
        destroy(warm, clone != null && clone.running().isPresent());
        catalog.warm().remove(warm);
      }
      for (var clone : clones.values()) {
        log.warn("clone without a branch removed clone={}", clone.id());
        destroy(clone.id(), clone.running().isPresent());
      }
      return new Outcome(kept, missing, snapshots());
    } catch (CloneException e) {
      throw new RouteException(
          new RouteFailure.AgentFailed("catalogue and pool could not be reconciled", e.failure()),
          e);
    }
  }

  /**
   * A catalogue that knows nothing is more likely the wrong one than the truth about a full pool.
   */
  private void refuseForeignPool(List<BranchRow> rows, Map<CloneId, CloneInfo> clones)
      throws RouteException {
    if (rows.isEmpty() && !clones.isEmpty() && catalog.baselines().isEmpty()) {
      throw new RouteException(
          new RouteFailure.AgentFailed(
              "the catalogue is empty, but the pool holds %d clones".formatted(clones.size()),
              new CloneFailure.StorageFailed(
                  "they belong to another catalogue and are not touched",
                  "Is catalog.url the right one? Else empty the pool by hand.")));
    }
  }

  private Map<SnapshotId, SnapshotInfo> snapshots() throws RouteException, CloneException {
    for (var removed : catalog.removeUnusedSnapshots()) {
      log.info("unused snapshot removed snapshot={}", removed);
    }
    var known = new HashSet<SnapshotId>();
    for (var row : catalog.snapshots()) {
      known.add(row.id());
    }
    var kept = new HashMap<SnapshotId, SnapshotInfo>();
    for (var volume : agent.snapshots()) {
      if (known.contains(volume.id())) {
        kept.put(volume.id(), volume);
      } else {
        log.warn("snapshot without a row removed snapshot={}", volume.id());
        agent.destroySnapshot(volume.id());
      }
    }
    for (var id : known) {
      if (!kept.containsKey(id)) {
        log.error("snapshot without its volume snapshot={}", id);
      }
    }
    return kept;
  }

  private void destroy(CloneId clone, boolean running) throws CloneException {
    if (running) {
      agent.stop(clone, stopTimeout);
    }
    agent.destroyClone(clone);
  }
}
