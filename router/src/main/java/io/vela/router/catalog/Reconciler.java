package io.vela.router.catalog;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure;
import io.vela.agent.CloneId;
import io.vela.agent.CloneInfo;
import io.vela.agent.CloneService;
import io.vela.agent.ForcedStop;
import io.vela.agent.PoolOwnership;
import io.vela.agent.SnapshotId;
import io.vela.agent.SnapshotInfo;
import io.vela.agent.StopMode;
import io.vela.agent.Unconfirmed;
import io.vela.config.DeletionLimits;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router.Quarantined;
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
 * <p>What was never promised to anyone goes (half-made branches and snapshots, which the pool knows
 * to be unconfirmed, and warm clones), what was promised to go goes, and what is there stays. A
 * branch whose clone is not there is told, never made anew. A volume that the catalogue does not
 * know and that was whole is somebody's data: it is quarantined, which means that it stays where it
 * is, is listed, and is removed by hand only. Where pool and catalogue did not end together (one of
 * them came back from a backup), what the catalogue says of unfinished work is no longer true, and
 * nothing is removed but what was promised to go. Idempotent, so a crash in here does no harm.
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
   * @param quarantined in the pool and not in the catalogue
   */
  public record Outcome(
      Map<BranchRow, CloneInfo> branches,
      List<BranchRow> missing,
      Map<BranchRow, RouteFailure> undeleted,
      Map<SnapshotId, SnapshotInfo> snapshots,
      List<Quarantined> quarantined) {}

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
      var volumes = agent.snapshots();
      var ownership = agent.ownership();
      refuseForeignPool(rows, clones.size(), volumes.size(), ownership);
      var together = takeOver(ownership);
      var unconfirmed = agent.unconfirmed();
      var kept = new HashMap<BranchRow, CloneInfo>();
      var missing = new ArrayList<BranchRow>();
      var unfinished = new ArrayList<BranchRow>();
      for (var row : rows) {
        switch (row.phase()) {
          case CREATING -> {
            if (together) {
              unfinished.add(row);
            } else {
              catalog.removeBranch(row.id());
            }
          }
          case DELETING -> unfinished.add(row);
          case READY -> {
            var clone = clones.remove(row.cloneId());
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
      var going = new HashSet<CloneId>();
      unfinished.forEach(row -> going.add(row.cloneId()));
      if (together) {
        going.addAll(warm);
        clones.keySet().stream().filter(unconfirmed.clones()::contains).forEach(going::add);
      }
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
          log.info("warm clone of an earlier Vela forgotten clone={}", id);
          catalog.warm().remove(id);
        }
      }
      clones.keySet().removeAll(going);
      var quarantined = new ArrayList<Quarantined>();
      for (var clone : clones.values()) {
        quarantine(clone);
        quarantined.add(new Quarantined(Quarantined.Kind.CLONE, clone.id().value()));
      }
      var snapshots = snapshots(together, volumes, unconfirmed, quarantined);
      // What is left of these was never made, is there with its row, or is quarantined by now.
      unconfirmed.clones().stream().filter(id -> !left.containsKey(id)).forEach(agent::confirm);
      return new Outcome(kept, missing, undeleted, snapshots, List.copyOf(quarantined));
    } catch (CloneException e) {
      throw new RouteException(
          new RouteFailure.AgentFailed("catalogue and pool could not be reconciled", e.failure()),
          e);
    }
  }

  /** Nobody can reach it, so it needs no instance. One that does not stop is left running. */
  private void quarantine(CloneInfo clone) {
    log.error("clone without a branch quarantined clone={}", clone.id());
    if (clone.running().isPresent()) {
      try {
        agent.stop(clone.id(), StopMode.FAST, forcedStop.times().fast());
      } catch (CloneException e) {
        log.warn(
            "quarantined clone not stopped clone={} cause=\"{}\"",
            clone.id(),
            e.failure().message());
      }
    }
  }

  /**
   * A catalogue that knows nothing is more likely the wrong one than the truth about a full pool,
   * and so is one that was never used with a pool that others used.
   */
  private void refuseForeignPool(
      List<BranchRow> rows, int clones, int snapshots, PoolOwnership ownership)
      throws RouteException {
    if (clones + snapshots == 0) {
      return;
    }
    var holds = "the pool holds %d clones and %d snapshots".formatted(clones, snapshots);
    if (rows.isEmpty() && catalog.baselines().isEmpty()) {
      throw foreign("the catalogue is empty, but " + holds, ownership);
    }
    if (ownership.epoch() > 0 && catalog.poolEpoch(ownership.pool()).isEmpty()) {
      throw foreign("the catalogue is not the one of this pool, and " + holds, ownership);
    }
  }

  private static RouteException foreign(String message, PoolOwnership ownership) {
    var owner =
        ownership.owner().isEmpty()
            ? "they belong to another catalogue and are not touched"
            : "they belong to %s and are not touched".formatted(ownership.owner());
    return new RouteException(
        new RouteFailure.AgentFailed(
            message,
            new CloneFailure.StorageFailed(
                owner, "Are --data, catalog.url and pool.path the right ones?")));
  }

  /**
   * Brings pool and catalogue to the same new epoch.
   *
   * @return whether they were at the same one, as they are unless one of them is from a backup, or
   *     this was killed between its two steps
   */
  private boolean takeOver(PoolOwnership ownership) throws RouteException, CloneException {
    long known = catalog.poolEpoch(ownership.pool()).orElse(0);
    var together = known == ownership.epoch();
    if (!together) {
      log.error(
          "pool and catalogue did not end together: nothing is removed that the catalogue does not"
              + " know pool={} pool-epoch={} catalogue-epoch={} owner=\"{}\"",
          ownership.pool(),
          ownership.epoch(),
          known,
          ownership.owner());
    }
    long next = Math.max(known, ownership.epoch()) + 1;
    catalog.setPoolEpoch(ownership.pool(), next);
    agent.own(next);
    return together;
  }

  private Map<SnapshotId, SnapshotInfo> snapshots(
      boolean together,
      List<SnapshotInfo> volumes,
      Unconfirmed unconfirmed,
      List<Quarantined> quarantined)
      throws RouteException, CloneException {
    // What was going when the last Vela ended was promised to go, whatever came back since.
    var going = together ? catalog.removeUnusedSnapshots() : catalog.goingSnapshots();
    var known = new HashSet<SnapshotId>();
    for (var row : catalog.snapshots()) {
      known.add(row.id());
    }
    var kept = new HashMap<SnapshotId, SnapshotInfo>();
    for (var volume : volumes) {
      var id = volume.id();
      if (known.contains(id)) {
        kept.put(id, volume);
      } else if (together && unconfirmed.snapshots().contains(id)) {
        log.info("half-made snapshot removed snapshot={}", id);
        agent.destroySnapshot(id);
      } else if (!going.contains(id)) {
        log.error("snapshot without a row quarantined snapshot={}", id);
        quarantined.add(new Quarantined(Quarantined.Kind.SNAPSHOT, id.value()));
      }
    }
    for (var id : going) {
      // Its volume may be damaged, half removed or gone: then it is in no list of volumes.
      if (!known.contains(id)) {
        agent.destroySnapshot(id);
        log.info("unused snapshot removed snapshot={}", id);
      }
      catalog.forgetSnapshot(id);
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
