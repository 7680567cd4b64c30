package io.vela.agent;

import io.vela.agent.CloneFailure.StartFailed;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.postgres.DataDirectory;
import io.vela.agent.postgres.Guard;
import io.vela.agent.postgres.InstanceFiles;
import io.vela.agent.postgres.PostgresBinaries;
import io.vela.agent.postgres.PostgresInstance;
import io.vela.agent.postgres.RunningProcesses;
import io.vela.agent.postgres.VolumeRecord;
import io.vela.config.value.ByteSize;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The running instances of clones. Safe for several threads, each with clones of its own; methods
 * block.
 */
final class Instances {
  private static final Logger log = LoggerFactory.getLogger(Instances.class);
  private static final Duration ADOPTION = Duration.ofMinutes(2);

  private final PostgresBinaries binaries;
  private final ServiceUser user;
  private final Path run;
  private final ByteSize sharedBuffers;

  /** Ended ones stay until the next start or the clone's end, so that their exit can be asked. */
  private final Map<CloneId, PostgresInstance> instances = new ConcurrentHashMap<>();

  Instances(PostgresBinaries binaries, ServiceUser user, Path run, ByteSize sharedBuffers) {
    this.binaries = binaries;
    this.user = user;
    this.run = run;
    this.sharedBuffers = sharedBuffers;
  }

  /** The running instance of a clone. */
  Optional<PostgresInstance> running(CloneId id) {
    return last(id).filter(PostgresInstance::isRunning);
  }

  /** The instance of a clone that runs or was the last to run. */
  Optional<PostgresInstance> last(CloneId id) {
    return Optional.ofNullable(instances.get(id));
  }

  /**
   * Takes over the instance of a clone that outlived an earlier Vela.
   *
   * @param processes of this host, looked at once for all clones
   */
  void adopt(CloneId id, Path volume, List<RunningProcesses.Running> processes)
      throws CloneException, InterruptedException {
    try {
      var files = files(id, volume);
      if (processes.stream().noneMatch(process -> process.serves(files.data()))) {
        return;
      }
      var installation = binaries.installation(new DataDirectory(files.data()).major());
      var adopted = PostgresInstance.adopt(installation, user, files, processes, ADOPTION);
      if (adopted.isPresent()) {
        instances.put(id, adopted.get());
        log.info("instance adopted clone={}", id);
      }
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("clone " + id + " cannot be read", e.toString()), e);
    }
  }

  /** Starts one that does not run. */
  PostgresInstance start(CloneId id, Path volume, VolumeRecord record, InstanceSettings settings)
      throws CloneException {
    try {
      var files = files(id, volume);
      var installation = binaries.installation(record.contents().major());
      var guarded =
          Guard.settings(
              installation.major(), files, record.preload(), sharedBuffers, settings.durability());
      if (settings.replication()) {
        Guard.allowReplication(guarded);
      }
      var instance =
          PostgresInstance.start(installation, user, files, guarded, settings.startTimeout());
      instances.put(id, instance);
      return instance;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CloneException(new StartFailed("the start was interrupted", ""), e);
    }
  }

  /** Forgets a clone that is gone. */
  void forget(CloneId id) {
    instances.remove(id);
  }

  Path run(CloneId id) {
    return run.resolve(id.value());
  }

  private InstanceFiles files(CloneId id, Path volume) {
    return new InstanceFiles(DataDirectory.in(volume).path(), run(id));
  }
}
