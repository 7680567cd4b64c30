package io.vela.router;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.PoolFull;
import io.vela.agent.CloneId;
import io.vela.agent.CloneService;
import io.vela.agent.PoolHealth;
import io.vela.agent.PoolInfo;
import io.vela.config.VelaConfig;
import io.vela.config.value.BranchName;
import io.vela.router.branch.BranchState;
import io.vela.router.branch.BranchStatus;
import io.vela.router.catalog.BranchRow;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the pool writable, and a branch from taking the room that others need. It looks at the
 * pool's free space every second, and at the branches every few seconds, at once when the pool has
 * lost room, and more often while room is short.
 *
 * <p>A branch over its limit that still grows is stopped from writing with 53100 ({@link
 * WriteStopper}). New sessions are let in, and what frees room (DROP, TRUNCATE, VACUUM) goes
 * through as long as the branch does not grow by it. A limit of the file system would be exact, but
 * Postgres cannot live with it: its servers panic when a write of WAL is refused
 * (docs/decisions/0002-room.md).
 *
 * <p>When half the reserve is gone, the branch that grew most is treated so; when three quarters
 * are gone, every branch is, and the agent starts no more instances. What is left is for deletions.
 *
 * <p>One thread at a time.
 */
final class SpaceGuard {
  private static final Logger log = LoggerFactory.getLogger(SpaceGuard.class);

  /** Between two looks at the branches while the pool loses no room. */
  private static final Duration FAR = Duration.ofSeconds(5);

  /** Between two looks at the pool. */
  private static final Duration OFTEN = Duration.ofSeconds(1);

  private static final Duration NEAR = Duration.ofMillis(500);
  private static final long MIB = 1 << 20;

  /** A change of the pool's free space that is smaller than this is normal and is ignored. */
  private static final long NOISE = 16 * MIB;

  private final Supplier<VelaConfig> config;
  private final CloneService agent;
  private final WriteStopper stopper;
  private final Supplier<List<BranchStatus>> branches;
  private final Clock clock;
  private final Map<CloneId, Measured> measured = new HashMap<>();
  private final Set<CloneId> stoppedNow = new HashSet<>();

  /** Those that take more than they may, as last measured; read by any thread. */
  private final Map<CloneId, RouteFailure.BranchFull> full = new ConcurrentHashMap<>();

  private PoolHealth told = PoolHealth.GOOD;
  private Instant lastLook;
  private long lastFree;
  private boolean near = true;

  /**
   * @param bytes that the branch takes for itself
   * @param grown by how much that is more than before
   * @param free what was free in the pool then
   */
  private record Measured(long bytes, long grown, long free, Instant at) {}

  SpaceGuard(
      Supplier<VelaConfig> config,
      CloneService agent,
      WriteStopper stopper,
      Supplier<List<BranchStatus>> branches,
      Clock clock) {
    this.config = config;
    this.agent = agent;
    this.stopper = stopper;
    this.branches = branches;
    this.clock = clock;
    this.lastLook = clock.instant();
  }

  /** That a branch takes more than it may, as last measured while it ran. Any thread. */
  Optional<RouteFailure.BranchFull> full(CloneId branch) {
    return Optional.ofNullable(full.get(branch));
  }

  /**
   * Looks once. Blocks.
   *
   * @return after how long to look again
   */
  Duration look() {
    var now = clock.instant();
    try {
      var pool = agent.pool();
      if (near || !now.isBefore(lastLook.plus(FAR)) || lastFree - pool.freeBytes() > NOISE) {
        tell(agent.tend());
        near = lookAtBranches(agent.pool(), now);
        lastLook = now;
      }
    } catch (CloneException e) {
      log.warn("room in the pool not measured cause=\"{}\"", e.failure().message());
    }
    return near ? NEAR : OFTEN;
  }

  /**
   * @return whether room is short
   */
  private boolean lookAtBranches(PoolInfo pool, Instant now) {
    var running = running();
    var clones = running.stream().map(BranchRow::cloneId).toList();
    measured.keySet().retainAll(clones);
    full.keySet().retainAll(clones);
    stoppedNow.clear();
    lastFree = pool.freeBytes();
    long reserve = config.get().pool().reserve().bytes();
    boolean narrow = pool.freeBytes() < 4 * reserve || !pool.health().writable();
    for (var branch : running) {
      narrow |= keepsItsLimit(branch, pool, now);
    }
    keepTheReserve(running, pool, reserve, now);
    stopper.retain(stoppedNow);
    return narrow;
  }

  private void tell(PoolHealth health) {
    if (health.writable() != told.writable()
        || health.problem().isEmpty() != told.problem().isEmpty()) {
      if (health.problem().isEmpty()) {
        log.info("pool is well again");
      } else if (health.writable()) {
        log.warn("pool is nearly full problem=\"{}\"", health.problem());
      } else {
        log.error("pool cannot be written problem=\"{}\"", health.problem());
      }
    }
    told = health;
  }

  private List<BranchRow> running() {
    return branches.get().stream()
        .filter(branch -> branch.state() instanceof BranchState.Running)
        .flatMap(branch -> branch.row().stream())
        .toList();
  }

  /**
   * @return whether the branch is near its limit
   */
  private boolean keepsItsLimit(BranchRow branch, PoolInfo pool, Instant now) {
    var policy = config.get().policy(branch.baseline()).maxBytes();
    long limit = branch.settings().within(policy, pool.totalBytes()).of(pool.totalBytes());
    var last = measured.get(branch.cloneId());
    if (last != null && !mayHaveReached(limit, last, pool)) {
      return last.bytes() > limit / 2;
    }
    var usage = measure(branch, pool, now);
    if (usage.bytes() <= limit) {
      full.remove(branch.cloneId());
      return usage.bytes() > limit / 2;
    }
    var why = new RouteFailure.BranchFull(branch.name(), usage.bytes(), limit);
    full.put(branch.cloneId(), why);
    if (usage.grown() > MIB) {
      stop(branch, usage, why, "its limit");
    }
    return true;
  }

  /** A branch cannot have grown by more than the pool has lost, but for what others gave back. */
  private static boolean mayHaveReached(long limit, Measured last, PoolInfo pool) {
    long left = limit - last.bytes();
    long lost = last.free() - pool.freeBytes();
    return left < NOISE || lost > Math.max(NOISE, left / 4);
  }

  private Measured measure(BranchRow branch, PoolInfo pool, Instant now) {
    var last = measured.get(branch.cloneId());
    long bytes;
    try {
      bytes = agent.usage(branch.cloneId()).exclusiveBytes();
    } catch (CloneException e) {
      log.debug("branch not measured branch={}", branch.name(), e);
      // Its owner may see to that it cannot be measured. It is then taken to be what shrinks the
      // pool, since it may be.
      bytes = last == null ? 0 : last.bytes() + Math.max(0, last.free() - pool.freeBytes());
    }
    var usage = new Measured(bytes, last == null ? 0 : bytes - last.bytes(), pool.freeBytes(), now);
    measured.put(branch.cloneId(), usage);
    return usage;
  }

  private void keepTheReserve(List<BranchRow> running, PoolInfo pool, long reserve, Instant now) {
    long free = pool.freeBytes();
    if (free >= reserve / 2 || running.isEmpty()) {
      return;
    }
    var full = new PoolFull(free, reserve);
    var usages = new HashMap<BranchRow, Measured>();
    for (var branch : running) {
      var last = measured.get(branch.cloneId());
      usages.put(branch, last != null && last.at().equals(now) ? last : measure(branch, pool, now));
    }
    if (free < reserve / 4) {
      usages.forEach((branch, usage) -> stopForTheReserve(branch, usage, full));
      return;
    }
    usages.entrySet().stream()
        .filter(branch -> branch.getValue().grown() > 0)
        .max(Comparator.comparingLong(branch -> branch.getValue().grown()))
        .ifPresent(branch -> stopForTheReserve(branch.getKey(), branch.getValue(), full));
  }

  private void stopForTheReserve(BranchRow branch, Measured usage, PoolFull full) {
    stop(branch, usage, poolFull(branch.name(), full), "the reserve");
  }

  private void stop(BranchRow branch, Measured usage, RouteFailure why, String what) {
    stoppedNow.add(branch.cloneId());
    stopper.stop(branch, usage.bytes(), why, what, lastLook);
  }

  /** What its sessions are told when the pool's reserve is used up. */
  private static RouteFailure poolFull(BranchName branch, PoolFull full) {
    return new RouteFailure.AgentFailed("branch \"" + branch + "\" may not write on", full);
  }
}
