package io.vela.router.catalog;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure;
import io.vela.agent.CloneId;
import io.vela.agent.CloneInfo;
import io.vela.agent.CloneService;
import io.vela.agent.ForcedStop;
import io.vela.agent.SnapshotId;
import io.vela.agent.SnapshotInfo;
import io.vela.config.DeletionLimits;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
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
  private final ForcedStop forcedStop;

  /**
   * @param limits how long an instance of a clone that goes may take to stop
   */
  public Reconciler(Catalog catalog, CloneService agent, DeletionLimits limits) {
    this.catalog = catalog;
    this.agent = agent;
    this.forcedStop = new ForcedStop(agent, limits);
  }

  /**
   * What there is.
   *
   * @param branches whose clones are there, with what is known of them
   * @param missing branches whose clones are not
   * @param undeleted branches that were to go and could not be removed, and why
   * @param snapshots in catalogue and pool
   */
  public record Outcome(
      Map<BranchRow, CloneInfo> branches,
      List<BranchRow> missing,
      Map<BranchRow, RouteFailure> undeleted,
      Map<SnapshotId, SnapshotInfo> snapshots) {}

  /**
   * Puts things right.
   *
   * @throws RouteException when catalogue or pool cannot be read
   */
  public Outcome reconcile() throws RouteException {
    try {
      var rows = catalog.branches();
      var clones =
          agent.clones().stream().collect(Collectors.toMap(CloneInfo::id, Function.identity()));
      refuseForeignPool(rows, clones);
      var kept = new HashMap<BranchRow, CloneInfo>();
      var missing = new ArrayList<BranchRow>();
      var unfinished = new ArrayList<BranchRow>();
      for (var row : rows) {
        var clone = clones.remove(row.cloneId());
        switch (row.phase()) {
          case CREATING, DELETING -> unfinished.add(row);
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
      var warm = catalog.warm().all();
      warm.forEach(clones::remove);
      var going = new HashSet<>(clones.keySet());
      going.addAll(warm);
      unfinished.forEach(row -> going.add(row.cloneId()));
      var left = destroy(going);
      var undeleted = new HashMap<BranchRow, RouteFailure>();
      for (var row : unfinished) {
        var cause = left.get(row.cloneId());
        if (cause == null) {
          log.info(
              "unfinished branch removed branch={} clone={} phase={}",
              row.name(),
              row.cloneId(),
              PgRows.name(row.phase()));
          catalog.removeBranch(row.id());
        } else {
          var told = "branch \"" + row.name() + "\" could not be removed";
          undeleted.put(row, new RouteFailure.AgentFailed(told, cause));
        }
      }
      for (var id : warm) {
        if (!left.containsKey(id)) {
          log.info("warm clone of an earlier Vela removed clone={}", id);
          catalog.warm().remove(id);
        }
      }
      for (var id : clones.keySet()) {
        if (!left.containsKey(id)) {
          log.warn("clone without a branch removed clone={}", id);
        }
      }
      return new Outcome(kept, missing, undeleted, snapshots());
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

  /**
   * Removes clones, all at the same time. One that cannot be removed keeps nothing else from being
   * used: the next start tries it again.
   *
   * @return those that are still there, and why
   */
  private Map<CloneId, CloneFailure> destroy(Set<CloneId> going) {
    var left = new ConcurrentHashMap<CloneId, CloneFailure>();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (var clone : going) {
        threads.execute(() -> destroy(clone).ifPresent(cause -> left.put(clone, cause)));
      }
    }
    return left;
  }

  private Optional<CloneFailure> destroy(CloneId clone) {
    try {
      var _ =
          forcedStop.stop(
              clone,
              late ->
                  log.warn("instance does not stop clone={} cause=\"{}\"", clone, late.message()));
      agent.destroyClone(clone);
      return Optional.empty();
    } catch (CloneException e) {
      log.error(
          "clone not removed, left for the next start clone={} cause=\"{}\" detail=\"{}\"",
          clone,
          e.failure().message(),
          e.failure().detail());
      return Optional.of(e.failure());
    } catch (RuntimeException e) {
      log.error("clone not removed, left for the next start clone={}", clone, e);
      return Optional.of(new CloneFailure.StorageFailed("unexpected: " + e, ""));
    }
  }
}
