package io.vela.router;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.vela.agent.CloneException;
import io.vela.agent.CloneId;
import io.vela.agent.CloneService;
import io.vela.agent.StopMode;
import io.vela.config.value.ByteSize;
import io.vela.router.catalog.BranchRow;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stops branches from writing: those sessions are ended that have been at work, and what Postgres
 * still does for them. Sessions that rest stay. What writes and is no session, such as a program
 * that a superuser started by COPY, is met by stopping the instance, as a crash would: a branch
 * comes to that when it grows on by {@link #MOST_GROWTH} although it was stopped at each look.
 *
 * <p>One thread at a time.
 */
final class WriteStopper {
  private static final Logger log = LoggerFactory.getLogger(WriteStopper.class);

  /** More than the buffers and the WAL that a checkpoint writes after the sessions have ended. */
  static final long MOST_GROWTH = 192L << 20;

  private static final Duration INSTANCE_END = Duration.ofSeconds(5);

  private final CloneService agent;
  private final SessionDirectory sessions;
  private final Counter stopped;

  /** What branches took when they were stopped, of those that were at each look since. */
  private final Map<CloneId, Long> firstStopped = new HashMap<>();

  WriteStopper(CloneService agent, SessionDirectory sessions, MeterRegistry registry) {
    this.agent = agent;
    this.sessions = sessions;
    this.stopped =
        Counter.builder("vela.branch.writes.stopped")
            .description("How often a branch's sessions at work were ended for want of room")
            .register(registry);
  }

  /** Forgets the others: they were not to be stopped at a look. */
  void retain(Collection<CloneId> stillStopped) {
    firstStopped.keySet().retainAll(stillStopped);
  }

  /**
   * @param bytes what the branch takes
   * @param what it may not take, for the log
   * @param since who has been at work since then is ended
   */
  void stop(BranchRow branch, long bytes, RouteFailure why, String what, Instant since) {
    long first = firstStopped.computeIfAbsent(branch.cloneId(), _ -> bytes);
    if (bytes - first > MOST_GROWTH) {
      stopInstance(branch, bytes, what);
      return;
    }
    var atWork = new ArrayList<BranchSession>();
    for (var session : sessions.of(branch.name())) {
      var quietSince = session.activity().quietSince();
      if (quietSince.isEmpty() || quietSince.get().isAfter(since)) {
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
          new ByteSize(bytes),
          atWork.size());
    }
  }

  private void stopInstance(BranchRow branch, long bytes, String what) {
    stopped.increment();
    firstStopped.remove(branch.cloneId());
    log.warn(
        "instance stopped branch={} reason=\"{}\" bytes={}"
            + " cause=\"it grew on without sessions at work, or in spite of their end\"",
        branch.name(),
        what,
        new ByteSize(bytes));
    for (var mode : new StopMode[] {StopMode.IMMEDIATE, StopMode.KILL}) {
      try {
        agent.stop(branch.cloneId(), mode, INSTANCE_END);
        return;
      } catch (CloneException e) {
        log.warn(
            "instance not stopped branch={} mode={} cause=\"{}\"",
            branch.name(),
            mode,
            e.failure().message());
      }
    }
  }
}
