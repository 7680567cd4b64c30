package io.vela.router;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.PoolFull;
import io.vela.agent.CloneId;
import io.vela.agent.CloneService;
import io.vela.agent.PoolHealth;
import io.vela.agent.PoolInfo;
import io.vela.config.VelaConfig;
import io.vela.config.value.BranchName;
import io.vela.config.value.ByteSize;
import io.vela.router.branch.BranchState;
import io.vela.router.branch.BranchStatus;
import io.vela.router.catalog.BranchRow;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the pool writable, and a branch from taking the room that others need. It looks every few
 * seconds, and every second while room is short.
 *
 * <p>A branch over its limit that still grows has its sessions that are at work ended with 53100,
 * and what they were doing in Postgres with them. Sessions that rest stay, new ones are let in, and
 * what frees room (DROP, TRUNCATE, VACUUM) goes through as long as the branch does not grow by it.
 * A limit of the file system would be exact, but Postgres cannot live with it: its servers panic
 * when a write of WAL is refused (docs/decisions/0002-room.md).
 *
 * <p>When half the reserve is gone, the branch that grew most is treated so; when three quarters
 * are gone, every branch is, and the agent starts no more instances. What is left is for deletions.
 *
 * <p>One thread at a time.
 */
final class SpaceGuard {
  private static final Logger log = LoggerFactory.getLogger(SpaceGuard.class);
  private static final Duration FAR = Duration.ofSeconds(5);
  private static final Duration NEAR = Duration.ofSeconds(1);
  private static final long MIB = 1 << 20;

  /** A change of the pool's free space that is smaller than this is normal and is ignored. */
  private static final long NOISE = 16 * MIB;

  private final Supplier<VelaConfig> config;
  private final CloneService agent;
  private final SessionDirectory sessions;
  private final Supplier<List<BranchStatus>> branches;
  private final Clock clock;
  private final Counter stopped;
  private final Map<CloneId, Measured> measured = new HashMap<>();
  private PoolHealth told = PoolHealth.GOOD;
  private Instant lastLook;

  /**
   * @param bytes that the branch takes for itself
   * @param grown by how much that is more than before
   * @param free what was free in the pool then
   */
  private record Measured(long bytes, long grown, long free, Instant at) {}

  SpaceGuard(
      Supplier<VelaConfig> config,
      CloneService agent,
      SessionDirectory sessions,
      Supplier<List<BranchStatus>> branches,
      Clock clock,
      MeterRegistry registry) {
    this.config = config;
    this.agent = agent;
    this.sessions = sessions;
    this.branches = branches;
    this.clock = clock;
    this.lastLook = clock.instant();
    this.stopped =
        Counter.builder("vela.branch.writes.stopped")
            .description("How often a branch's sessions at work were ended for want of room")
            .register(registry);
  }

  /**
   * Looks once. Blocks.
   *
   * @return after how long to look again
   */
  Duration look() {
    var now = clock.instant();
    try {
      tell(agent.tend());
      var pool = agent.pool();
      var running = running();
      measured.keySet().retainAll(running.stream().map(BranchRow::cloneId).toList());
      long reserve = config.get().pool().reserve().bytes();
      boolean near = pool.freeBytes() < 4 * reserve || !pool.health().writable();
      for (var branch : running) {
        near |= keepsItsLimit(branch, pool, now);
      }
      keepTheReserve(running, pool, reserve, now);
      return near ? NEAR : FAR;
    } catch (CloneException e) {
      log.warn("room in the pool not measured cause=\"{}\"", e.failure().message());
      return FAR;
    } finally {
      lastLook = now;
    }
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
    if (usage.bytes() > limit && usage.grown() > MIB) {
      stopWriting(
          branch, new RouteFailure.BranchFull(branch.name(), usage.bytes(), limit), "its limit");
    }
    return usage.bytes() > limit / 2;
  }

  /** A branch cannot have grown by more than the pool has lost, but for what others gave back. */
  private static boolean mayHaveReached(long limit, Measured last, PoolInfo pool) {
    long left = limit - last.bytes();
    long lost = last.free() - pool.freeBytes();
    return left < NOISE || lost > Math.max(NOISE, left / 4);
  }

  private Measured measure(BranchRow branch, PoolInfo pool, Instant now) {
    var last = measured.get(branch.cloneId());
    try {
      long bytes = agent.usage(branch.cloneId()).exclusiveBytes();
      var usage =
          new Measured(bytes, last == null ? 0 : bytes - last.bytes(), pool.freeBytes(), now);
      measured.put(branch.cloneId(), usage);
      return usage;
    } catch (CloneException e) {
      log.debug("branch not measured branch={}", branch.name(), e);
      return new Measured(last == null ? 0 : last.bytes(), 0, pool.freeBytes(), now);
    }
  }

  private void keepTheReserve(List<BranchRow> running, PoolInfo pool, long reserve, Instant now) {
    long free = pool.freeBytes();
    if (free >= reserve / 2 || running.isEmpty()) {
      return;
    }
    var full = new PoolFull(free, reserve);
    if (free < reserve / 4) {
      running.forEach(branch -> stopWriting(branch, poolFull(branch.name(), full), "the reserve"));
      return;
    }
    var growth = new HashMap<BranchRow, Long>();
    for (var branch : running) {
      var last = measured.get(branch.cloneId());
      var usage = last != null && last.at().equals(now) ? last : measure(branch, pool, now);
      growth.put(branch, usage.grown());
    }
    growth.entrySet().stream()
        .filter(branch -> branch.getValue() > 0)
        .max(Map.Entry.comparingByValue(Comparator.naturalOrder()))
        .map(Map.Entry::getKey)
        .ifPresent(branch -> stopWriting(branch, poolFull(branch.name(), full), "the reserve"));
  }

  private static RouteFailure poolFull(BranchName branch, PoolFull full) {
    return new RouteFailure.AgentFailed("branch \"" + branch + "\" may not write on", full);
  }

  /** Ends who has been at work since the last look, and then what Postgres still does for them. */
  private void stopWriting(BranchRow branch, RouteFailure why, String what) {
    var atWork = new ArrayList<BranchSession>();
    for (var session : sessions.of(branch.name())) {
      var quietSince = session.activity().quietSince();
      if (quietSince.isEmpty() || quietSince.get().isAfter(lastLook)) {
        atWork.add(session);
      }
    }
    atWork.forEach(session -> session.end(why));
    try {
      agent.endStatements(branch.cloneId());
    } catch (CloneException e) {
      log.warn("statements not ended branch={} cause=\"{}\"", branch.name(), e.failure().message());
    }
    if (!atWork.isEmpty()) {
      stopped.increment();
      log.warn(
          "writes stopped branch={} reason=\"{}\" bytes={} sessions={}",
          branch.name(),
          what,
          new ByteSize(measuredBytes(branch)),
          atWork.size());
    }
  }

  private long measuredBytes(BranchRow branch) {
    var usage = measured.get(branch.cloneId());
    return usage == null ? 0 : usage.bytes();
  }
}
