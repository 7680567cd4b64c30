package io.vela.router;

import io.vela.agent.CloneException;
import io.vela.agent.CloneService;
import io.vela.agent.Contents;
import io.vela.agent.ImportProgress;
import io.vela.agent.SnapshotId;
import io.vela.agent.SnapshotInfo;
import io.vela.agent.Source;
import io.vela.config.value.BaselineName;
import io.vela.router.Router.BaselineView;
import io.vela.router.Router.WarmView;
import io.vela.router.catalog.BaselineRow;
import io.vela.router.catalog.Catalog;
import io.vela.router.catalog.Event;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Baselines and their snapshots. A snapshot's volume is made before its row, and unconfirmed until
 * that is there, so that {@link io.vela.router.catalog.Reconciler} removes what a crash left
 * half-made. It is removed after its row, which leaves its id in the catalogue until the volume has
 * gone: the next start finishes what a crash cut short. Old snapshots stay for as long as a branch
 * comes from them.
 */
final class Baselines {
  private static final Logger log = LoggerFactory.getLogger(Baselines.class);

  private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(1);
  private static final int SWITCH_TRIES = 30;

  private final Catalog catalog;
  private final CloneService agent;
  private final Executor threads;
  private final ConcurrentSkipListMap<BaselineName, BaselineRow> rows =
      new ConcurrentSkipListMap<>();
  private final ConcurrentMap<SnapshotId, SnapshotInfo> snapshots = new ConcurrentHashMap<>();

  /** Imports one at a time: each is bound by disk or network. */
  private final ReentrantLock imports = new ReentrantLock();

  /**
   * @param threads a virtual thread a task
   */
  Baselines(Catalog catalog, CloneService agent, Executor threads) {
    this.catalog = catalog;
    this.agent = agent;
    this.threads = threads;
  }

  /** Takes over what was found at start. */
  void load(Map<SnapshotId, SnapshotInfo> found) throws RouteException {
    for (var row : catalog.baselines()) {
      rows.put(row.name(), row);
    }
    snapshots.putAll(found);
  }

  boolean exists(BaselineName name) {
    return rows.containsKey(name);
  }

  Map<BaselineName, BaselineRow> all() {
    return rows;
  }

  /** What new branches of the baseline come from. */
  Optional<SnapshotId> currentId(BaselineName name) {
    return Optional.ofNullable(rows.get(name)).map(BaselineRow::current);
  }

  /** What is in the baseline's current snapshot. */
  Optional<Contents> contents(BaselineName name) {
    return current(name).map(SnapshotInfo::contents);
  }

  private Optional<SnapshotInfo> current(BaselineName name) {
    return Optional.ofNullable(rows.get(name))
        .flatMap(row -> Optional.ofNullable(snapshots.get(row.current())));
  }

  /**
   * Imports data as the baseline's current snapshot. Blocks.
   *
   * @param unlessThere does nothing when there is such a baseline
   */
  void importSnapshot(
      BaselineName name, Source source, Consumer<ImportProgress> progress, boolean unlessThere)
      throws RouteException, InterruptedException {
    imports.lockInterruptibly();
    try {
      if (unlessThere && exists(name)) {
        return;
      }
      var snapshot = agent.createSnapshot(SnapshotId.random(), source, progress);
      try {
        taken(switchTo(name, snapshot), snapshot);
      } catch (RouteException | InterruptedException e) {
        // Nobody knows whether the snapshot is the current one: its volume stays until that is so.
        threads.execute(() -> lookUp(name, snapshot));
        throw e;
      }
      removeUnused();
    } catch (CloneException e) {
      throw new RouteException(
          new RouteFailure.AgentFailed(
              "baseline \"" + name + "\" could not be imported", e.failure()),
          e);
    } finally {
      imports.unlock();
    }
  }

  /** What took so long to bring in is not given up because the catalogue is away for a moment. */
  private BaselineRow switchTo(BaselineName name, SnapshotInfo snapshot)
      throws RouteException, InterruptedException {
    for (int tries = 1; ; tries++) {
      try {
        return catalog.switchBaseline(name, snapshot.id());
      } catch (RouteException e) {
        if (tries == SWITCH_TRIES) {
          throw e;
        }
        Thread.sleep(BETWEEN_LOOKS);
      }
    }
  }

  private void taken(BaselineRow row, SnapshotInfo snapshot) throws CloneException {
    agent.confirm(snapshot.id());
    snapshots.put(snapshot.id(), snapshot);
    rows.put(row.name(), row);
    log.info(
        "baseline imported baseline={} snapshot={} bytes={} clean={}",
        row.name(),
        snapshot.id(),
        snapshot.bytes(),
        snapshot.clean());
    catalog.record(new Event("baseline.imported", row.name().value(), "snapshot " + snapshot.id()));
  }

  /** Finds out what became of a switch whose answer was lost, as soon as that can be asked. */
  private void lookUp(BaselineName name, SnapshotInfo snapshot) {
    try {
      while (true) {
        try {
          imports.lockInterruptibly();
          try {
            settle(name, snapshot);
            return;
          } finally {
            imports.unlock();
          }
        } catch (RouteException e) {
          Thread.sleep(BETWEEN_LOOKS);
        }
      }
    } catch (InterruptedException e) {
      log.warn("snapshot left for the next start baseline={} snapshot={}", name, snapshot.id());
    } catch (CloneException e) {
      log.warn(
          "snapshot left for the next start snapshot={} cause=\"{}\"",
          snapshot.id(),
          e.failure().message());
    }
  }

  private void settle(BaselineName name, SnapshotInfo snapshot)
      throws RouteException, CloneException {
    catalog.settle();
    var current =
        catalog.baselines().stream()
            .filter(row -> row.name().equals(name) && row.current().equals(snapshot.id()))
            .findFirst();
    if (current.isPresent()) {
      taken(current.get(), snapshot);
      removeUnused();
    } else {
      agent.destroySnapshot(snapshot.id());
      log.info("snapshot that is no baseline's removed snapshot={}", snapshot.id());
    }
  }

  /**
   * Removes snapshots that nothing comes from any more: those whose rows went, also when it was in
   * a call whose answer was lost. What fails is left for the next call or start.
   */
  void removeUnused() {
    try {
      for (var id : catalog.removeUnusedSnapshots()) {
        agent.destroySnapshot(id);
        snapshots.remove(id);
        catalog.forgetSnapshot(id);
        log.info("unused snapshot removed snapshot={}", id);
      }
    } catch (RouteException e) {
      log.warn("unused snapshots not removed cause=\"{}\"", e.failure().message());
    } catch (CloneException e) {
      log.warn("unused snapshot not removed cause=\"{}\"", e.failure().message());
    }
  }

  BaselineView view(BaselineRow row, ToIntFunction<BaselineName> branches, WarmView warm) {
    var snapshot = Optional.ofNullable(snapshots.get(row.current()));
    var target = snapshot.map(SnapshotInfo::contents).map(DefaultTarget::of);
    return new BaselineView(
        row.name(),
        row.current().value(),
        snapshot.map(s -> s.contents().major()).orElse(0),
        snapshot.map(SnapshotInfo::bytes).orElse(0L),
        snapshot.map(SnapshotInfo::clean).orElse(false),
        row.createdAt(),
        branches.applyAsInt(row.name()),
        warm,
        target.map(DefaultTarget::role).orElse(""),
        target.map(DefaultTarget::database).orElse(""));
  }

  /** When the baseline's data was last brought in; empty without such a baseline. */
  Optional<Instant> refreshedAt(BaselineName name) {
    return Optional.ofNullable(rows.get(name)).map(BaselineRow::refreshedAt);
  }
}
