package io.vela.agent.isolation;

import io.vela.agent.exec.ServiceUser;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Starts instances as the service user among the other processes of the host, held by what a {@link
 * Confinement} has the kernel refuse them.
 */
final class SharedHostLauncher implements Launcher {
  private final ServiceUser user;
  private final Confinement confinement;
  private final LogReader logs;
  private final RunningInstances running = new RunningInstances();

  SharedHostLauncher(ServiceUser user, Confinement confinement, LogReader logs) {
    this.user = user;
    this.confinement = confinement;
    this.logs = logs;
  }

  @Override
  public IsolationLevel level() {
    return confinement.level();
  }

  @Override
  public Map<String, String> serverSettings() {
    return confinement.serverSettings();
  }

  @Override
  public Launched launch(Launch launch) throws IOException {
    running.requireNone(launch.run());
    if (!launch.limits().isNone()) {
      throw new IOException(
          "the policy limits what branches take of the host, which needs branches in namespaces"
              + " of their own (see the isolation level)");
    }
    user.ownOne(launch.run().folder());
    var argv = new ArrayList<>(List.of(launch.program().toString()));
    argv.addAll(launch.arguments());
    var log = InstanceLog.make(launch.run());
    try {
      log.begin(launch.run());
      var child = start(launch, argv, log);
      record(child, launch.run());
      logs.add(log);
      return running.add(
          launch.run(),
          LaunchedProcess.of(child, "postgres", log, () -> {}).afterwards(() -> logs.end(log)));
    } catch (IOException e) {
      log.close();
      throw e;
    }
  }

  private ChildProcess start(Launch launch, List<String> argv, InstanceLog log) throws IOException {
    try (var descriptors = new Descriptors()) {
      int output = descriptors.keep(log.openForInstance());
      var spawn =
          new Spawn(user.wrap(argv), Environment.OF_INSTANCES, descriptors.devNullInput(), output);
      return new ChildProcess(confinement.start(launch, spawn));
    }
  }

  /** An instance without a record would not be found again, so it does not go on without one. */
  private static void record(ChildProcess child, RunFiles run) throws IOException {
    try {
      InstanceRecord.of(child.pid(), -1).write(run.record());
    } catch (IOException e) {
      ProcessHandle.of(child.pid()).ifPresent(ProcessHandle::destroyForcibly);
      throw e;
    }
  }

  @Override
  public Optional<Launched> adopt(RunFiles run) throws IOException {
    return running.find(run, this::adopt);
  }

  private LaunchedProcess adopt(RunFiles run, InstanceRecord record) throws IOException {
    var log = InstanceLog.reopen(run);
    logs.add(log);
    return LaunchedProcess.adopted(record, "postgres", log).afterwards(() -> logs.end(log));
  }

  @Override
  public void close() {
    logs.close();
  }
}
