package io.vela.router;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.vela.agent.CloneException;
import io.vela.agent.CloneId;
import io.vela.agent.CloneService;
import io.vela.agent.PoolInfo;
import io.vela.config.value.BaselineName;
import io.vela.router.Router.Quarantined;
import io.vela.router.branch.BranchListener.Outcome;
import io.vela.router.branch.BranchListener.Reason;
import io.vela.router.branch.BranchListener.WakeKind;
import io.vela.router.branch.BranchStatus;
import io.vela.router.branch.ParkOutcome;
import io.vela.router.catalog.BranchRow;
import io.vela.router.catalog.Catalog;
import io.vela.router.room.Room;
import io.vela.router.warm.WarmClones;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The router's metrics. What takes time to know is measured in the background, not at a scrape. */
final class RouterMetrics {
  private static final Logger log = LoggerFactory.getLogger(RouterMetrics.class);

  /** How many branches have a series of their own. */
  private static final int MOST_BRANCHES = 100;

  private static final List<String> STATES =
      List.of(
          "creating",
          "suspended",
          "starting",
          "running",
          "parking",
          "suspending",
          "failed",
          "deleting");

  private final MeterRegistry registry;
  private final CloneService agent;
  private final Map<CloneId, Gauge> exclusive = new ConcurrentHashMap<>();
  private final Map<CloneId, Long> exclusiveBytes = new ConcurrentHashMap<>();
  private final Set<CloneId> unmeasured = ConcurrentHashMap.newKeySet();
  private final Set<BaselineName> aged = ConcurrentHashMap.newKeySet();
  private volatile Optional<PoolInfo> pool = Optional.empty();

  RouterMetrics(MeterRegistry registry, CloneService agent, Catalog catalog) {
    this.registry = registry;
    this.agent = agent;
    Gauge.builder("vela.catalog.up", () -> catalog.isUp() ? 1 : 0)
        .description("Whether the catalogue could be reached when last tried")
        .register(registry);
    poolGauge("total", PoolInfo::totalBytes);
    poolGauge("free", PoolInfo::freeBytes);
    Gauge.builder(
            "vela.pool.writable",
            () -> pool.map(p -> p.health().writable() ? 1.0 : 0.0).orElse(Double.NaN))
        .description("Whether the pool could be written when last tried")
        .register(registry);
    for (var kind : WakeKind.values()) {
      timer(kind);
    }
    List.of("parked", "vetoed", "failed").forEach(this::parks);
  }

  /** Counts branches by state at each scrape. */
  void branches(Supplier<List<BranchStatus>> branches) {
    for (var state : STATES) {
      Gauge.builder(
              "vela.branches",
              () -> branches.get().stream().filter(b -> b.state().label().equals(state)).count())
          .tag("state", state)
          .description("Branches by state")
          .register(registry);
    }
  }

  /** Counts warm clones and places at each scrape. */
  void occupancy(WarmClones warm, Room room) {
    warmGauge("making", () -> warm.counts().making());
    warmGauge("ready", () -> warm.counts().ready());
    warmGauge("going", () -> warm.counts().going());
    Gauge.builder("vela.instances", () -> room.occupancy().running())
        .description("Running instances, warm clones among them")
        .register(registry);
    Gauge.builder("vela.instances.waiting", () -> room.occupancy().waiting())
        .description("Branches that wait for room to run")
        .register(registry);
    Gauge.builder(
            "vela.instances.limit",
            () ->
                room.occupancy()
                    .bound()
                    .map(bound -> (double) bound.instances())
                    .orElse(Double.POSITIVE_INFINITY))
        .description("How many instances may run")
        .register(registry);
  }

  /** Counts what is in the pool and not in the catalogue. */
  void quarantine(Supplier<List<Quarantined>> volumes) {
    Gauge.builder("vela.pool.quarantined", () -> volumes.get().size())
        .description("Volumes of the pool that the catalogue does not know")
        .register(registry);
  }

  private void warmGauge(String state, Supplier<Number> count) {
    Gauge.builder("vela.warm.clones", count)
        .tag("state", state)
        .description("Started clones without a name by state")
        .register(registry);
  }

  private void poolGauge(String kind, ToLongFunction<PoolInfo> bytes) {
    Gauge.builder(
            "vela.pool.bytes",
            () -> pool.map(p -> (double) bytes.applyAsLong(p)).orElse(Double.NaN))
        .tag("kind", kind)
        .description("Size of the pool's file system")
        .register(registry);
  }

  private Timer timer(WakeKind kind) {
    return Timer.builder("vela.branch.wake")
        .tag("kind", kind.toString())
        .description("From the first that asked for a branch until it ran")
        .publishPercentileHistogram()
        .minimumExpectedValue(Duration.ofMillis(5))
        .maximumExpectedValue(Duration.ofSeconds(60))
        .register(registry);
  }

  void woke(WakeKind kind, Duration took) {
    timer(kind).record(took);
  }

  void suspended(Reason reason, Outcome outcome) {
    registry
        .counter(
            "vela.branch.suspends",
            Tags.of("outcome", outcome.toString(), "reason", reason.toString()))
        .increment();
  }

  void parkTried(ParkOutcome outcome) {
    if (!outcome.label().isEmpty()) {
      parks(outcome.label()).increment();
    }
  }

  private Counter parks(String outcome) {
    return Counter.builder("vela.branch.parks")
        .tag("outcome", outcome)
        .description("Tries to put a branch to sleep under its sessions")
        .register(registry);
  }

  /** The baseline is there, or has a newer snapshot. */
  void baseline(BaselineName name, Baselines baselines, Clock clock) {
    if (!aged.add(name)) {
      return;
    }
    Gauge.builder(
            "vela.snapshot.age.seconds",
            () ->
                baselines
                    .refreshedAt(name)
                    .map(at -> (double) Duration.between(at, clock.instant()).toMillis() / 1000)
                    .orElse(Double.NaN))
        .tag("baseline", name.value())
        .description("Age of the baseline's current snapshot")
        .register(registry);
  }

  /** The branch has run, or is new: what it takes may have changed. */
  void changed(CloneId clone) {
    unmeasured.add(clone);
  }

  void gone(BranchRow branch) {
    unmeasured.remove(branch.cloneId());
    exclusiveBytes.remove(branch.cloneId());
    var gauge = exclusive.remove(branch.cloneId());
    if (gauge != null) {
      registry.remove(gauge);
    }
  }

  /** Measures pool and branches; blocks. */
  void measure(List<BranchStatus> branches) {
    try {
      pool = Optional.of(agent.pool());
      branches.stream().flatMap(branch -> branch.row().stream()).forEach(this::measure);
    } catch (CloneException e) {
      log.warn("pool not measured cause=\"{}\"", e.failure().message());
    }
  }

  private void measure(BranchRow branch) {
    var clone = branch.cloneId();
    if ((exclusive.containsKey(clone) || exclusive.size() < MOST_BRANCHES)
        && unmeasured.remove(clone)) {
      try {
        exclusiveBytes.put(clone, agent.usage(clone).exclusiveBytes());
      } catch (CloneException e) {
        // One branch's owner may see to that: the others are measured all the same.
        log.warn(
            "branch not measured branch={} cause=\"{}\"", branch.name(), e.failure().message());
        unmeasured.add(clone);
        return;
      }
      exclusive.computeIfAbsent(
          clone,
          _ ->
              Gauge.builder(
                      "vela.branch.exclusive.bytes", () -> exclusiveBytes.getOrDefault(clone, 0L))
                  .tag("branch", branch.name().value())
                  .description("What deleting the branch would free")
                  .register(registry));
    }
  }
}
