package io.vela.agent;

import io.vela.agent.CloneFailure.StartFailed;
import io.vela.agent.isolation.Launcher;
import io.vela.agent.postgres.DataDirectory;
import io.vela.agent.postgres.Guard;
import io.vela.agent.postgres.InstanceFiles;
import io.vela.agent.postgres.PostgresBinaries;
import io.vela.agent.postgres.PostgresInstance;
import io.vela.agent.postgres.VolumeRecord;
import io.vela.config.Network;
import io.vela.config.value.ByteSize;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The running instances of clones. Safe for several threads, each with clones of its own; methods
 * block.
 */
final class Instances {
  private static final Logger log = LoggerFactory.getLogger(Instances.class);

  /** All are taken over at the same time, so Vela's start waits no longer than this for them. */
  private static final Duration ADOPTION = Duration.ofSeconds(10);

  private final PostgresBinaries binaries;
  private final Launcher launcher;
  private final Path run;
  private final ByteSize sharedBuffers;

  /** Ended ones stay until the next start or the clone's end, so that their exit can be asked. */
  private final Map<CloneId, PostgresInstance> instances = new ConcurrentHashMap<>();

  /** Why the server that may run on a clone could not be taken over. */
  private final Map<CloneId, CloneFailure> strays = new ConcurrentHashMap<>();

  /** Those whose start is at work. */
  private final Set<CloneId> starting = ConcurrentHashMap.newKeySet();

  Instances(PostgresBinaries binaries, Launcher launcher, Path run, ByteSize sharedBuffers) {
    this.binaries = binaries;
    this.launcher = launcher;
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

  /** Why the server that an earlier Vela left could not be taken over, if it could not. */
  Optional<CloneFailure> trouble(CloneId id) {
    return Optional.ofNullable(strays.get(id));
  }

  /**
   * Takes over the instances that outlived an earlier Vela, all at the same time. One that cannot
   * be is in {@link #trouble} and keeps no other waiting.
   *
   * @param volumes of all clones
   */
  void adopt(Map<CloneId, Path> volumes) throws InterruptedException {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      volumes.forEach((id, volume) -> threads.execute(() -> adoptAtStart(id, files(id, volume))));
    }
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
  }

  private void adoptAtStart(CloneId id, InstanceFiles files) {
    try {
      var _ = adopt(id, files, ADOPTION);
    } catch (CloneException e) {
      log.warn(
          "instance not adopted clone={} cause=\"{}\" detail=\"{}\"",
          id,
          e.failure().message(),
          e.failure().detail());
      strays.put(id, e.failure());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      strays.put(id, new StartFailed("taking it over was interrupted", ""));
    } catch (RuntimeException e) {
      log.error("instance not adopted clone={}", id, e);
      strays.put(id, new StartFailed("unexpected: " + e, ""));
    }
  }

  private Optional<PostgresInstance> adopt(CloneId id, InstanceFiles files, Duration timeout)
      throws CloneException, InterruptedException {
    var adopted = PostgresInstance.adopt(launcher, files, timeout);
    adopted.ifPresent(
        instance -> {
          instances.put(id, instance);
          log.info("instance adopted clone={}", id);
        });
    strays.remove(id);
    return adopted;
  }

  /** Starts one that does not run. A server that could not be taken over is tried again. */
  PostgresInstance start(CloneId id, Path volume, VolumeRecord record, InstanceSettings settings)
      throws CloneException {
    var files = files(id, volume);
    starting.add(id);
    try {
      if (strays.containsKey(id)) {
        var adopted = adopt(id, files, settings.startTimeout());
        if (adopted.isPresent()) {
          return adopted.get();
        }
      }
      var installation = binaries.installation(record.contents().major());
      var guarded =
          Guard.settings(
              installation.major(), files, record.preload(), sharedBuffers, settings.durability());
      if (settings.replication()) {
        Guard.allowReplication(guarded);
      }
      var instance =
          PostgresInstance.start(
              installation,
              launcher,
              files,
              guarded,
              settings.network() == Network.HOST,
              settings.limits(),
              settings.startTimeout());
      instances.put(id, instance);
      return instance;
    } catch (CloneException e) {
      if (PostgresInstance.find(launcher, files).isPresent()) {
        // It neither came up nor could be ended.
        strays.put(id, e.failure());
      }
      throw e;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CloneException(new StartFailed("the start was interrupted", ""), e);
    } finally {
      starting.remove(id);
    }
  }

  /**
   * Stops one, also one that is on its way up or could not be taken over; at once if none runs.
   *
   * @throws CloneException with {@link CloneFailure.StopTimedOut}; it goes on stopping
   */
  void stop(CloneId id, Path volume, StopMode mode, Duration timeout) throws CloneException {
    var instance = running(id);
    if (instance.isEmpty() && (strays.containsKey(id) || starting.contains(id))) {
      instance = PostgresInstance.find(launcher, files(id, volume));
    }
    if (instance.isPresent()) {
      instance.get().stop(mode, timeout);
    }
    strays.remove(id);
  }

  /**
   * Ends all, whatever they are at: cleanly where that is possible in time, else as a crash would.
   * For instances that cannot go on.
   *
   * @param timeout for each way
   */
  void endAll(Duration timeout) {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      instances.forEach((id, instance) -> threads.execute(() -> end(id, instance, timeout)));
    }
  }

  /**
   * Ends those that recover from a crash and get nowhere, as a second crash would; the next client
   * starts them anew.
   *
   * @param timeout for the end of each
   */
  void endStuck(Duration timeout) {
    instances.forEach(
        (id, instance) -> {
          try {
            if (instance.endIfStuck(timeout)) {
              log.warn("instance ended clone={} cause=\"its recovery was stuck\"", id);
            }
          } catch (CloneException e) {
            log.warn(
                "instance stuck in recovery, not ended clone={} cause=\"{}\"",
                id,
                e.failure().message());
          }
        });
  }

  private static void end(CloneId id, PostgresInstance instance, Duration timeout) {
    for (var mode : StopMode.values()) {
      try {
        instance.stop(mode, timeout);
        return;
      } catch (CloneException e) {
        log.warn(
            "instance not ended clone={} mode={} cause=\"{}\"", id, mode, e.failure().message());
      }
    }
  }

  /** Forgets a clone that is gone. */
  void forget(CloneId id) {
    instances.remove(id);
    strays.remove(id);
  }

  InstanceFiles files(CloneId id, Path volume) {
    return new InstanceFiles(DataDirectory.in(volume).path(), run.resolve(id.value()));
  }
}
