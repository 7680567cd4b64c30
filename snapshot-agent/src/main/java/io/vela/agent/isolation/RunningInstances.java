package io.vela.agent.isolation;

import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The instances that run, each once: those that this Vela started or found again, and by their
 * records those that an earlier one left. Safe for several threads, each with instances of its own.
 */
final class RunningInstances {
  private final Map<RunFiles, LaunchedProcess> known = new ConcurrentHashMap<>();

  /** Takes an instance over that an earlier Vela left. */
  @FunctionalInterface
  interface Adoption {
    LaunchedProcess adopt(RunFiles run, InstanceRecord record) throws IOException;
  }

  /**
   * Fails when an instance runs with these files: Postgres's own interlock does not reach across
   * IPC namespaces.
   */
  void requireNone(RunFiles run) throws IOException {
    var running = InstanceRecord.read(run.record()).filter(InstanceRecord::isRunning);
    if (running.isPresent()) {
      throw new IOException("an instance runs on it already, as process " + running.get().pid());
    }
  }

  /** Knows one from here until it ends. */
  LaunchedProcess add(RunFiles run, LaunchedProcess started) {
    known.put(run, started);
    started.ended().whenComplete((ended, failure) -> known.remove(run, started));
    return started;
  }

  /** The instance with these files; empty when it has ended or never was. */
  Optional<Launched> find(RunFiles run, Adoption adoption) throws IOException {
    var running = known.get(run);
    if (running != null) {
      return Optional.of(running);
    }
    var record = InstanceRecord.read(run.record()).filter(InstanceRecord::isRunning);
    return record.isEmpty()
        ? Optional.empty()
        : Optional.of(add(run, adoption.adopt(run, record.get())));
  }
}
