package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StartFailed;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.Source.Script;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.isolation.Launcher;
import io.vela.config.Durability;
import io.vela.config.value.ByteSize;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes imported data clean, so that its clones start without recovery and without acting as what
 * they were copied from: recovers it, detaches its subscriptions, drops what it would load and is
 * missing, seeds it, reads it, stops it.
 */
public final class Preparation {
  private static final Logger log = LoggerFactory.getLogger(Preparation.class);

  /** Recovery may have to read all WAL since a server's last checkpoint. */
  private static final Duration START_TIMEOUT = Duration.ofHours(2);

  private static final Duration STOP_TIMEOUT = Duration.ofMinutes(30);

  private final PostgresBinaries binaries;
  private final ServiceUser user;
  private final Launcher launcher;
  private final ByteSize sharedBuffers;

  /**
   * @param sharedBuffers memory of the server that prepares
   */
  public Preparation(
      PostgresBinaries binaries, ServiceUser user, Launcher launcher, ByteSize sharedBuffers) {
    this.binaries = binaries;
    this.user = user;
    this.launcher = launcher;
    this.sharedBuffers = sharedBuffers;
  }

  /**
   * Prepares a volume's data and records in the volume what is in it. When it fails or is
   * interrupted, no server is left running.
   *
   * @param volume its folder, with the data directory in {@code data}
   * @param run a private folder for the time of the preparation
   * @param configuration lines for a {@code postgresql.conf}, when there is none
   * @param seed scripts to run
   */
  public VolumeRecord prepare(Path volume, Path run, List<String> configuration, List<Script> seed)
      throws CloneException, InterruptedException {
    var data = DataDirectory.in(volume);
    var files = new InstanceFiles(data.path(), run);
    try {
      var installation = binaries.installation(data.major());
      data.removeLeftovers();
      data.ensureConfiguration(configuration, user);
      var filter = new PreloadFilter(installation, user);
      var preload = filter.read(data.path());
      if (!preload.dropped().isEmpty()) {
        log.warn(
            "libraries not loaded in clones volume={} libraries={}",
            volume.getFileName(),
            String.join(",", preload.dropped()));
      }
      var settings = settings(installation, files, preload);
      var superuser =
          SuperuserSearch.find(installation, user, data.path(), settings, START_TIMEOUT);
      var instance = PostgresInstance.start(installation, launcher, files, settings, START_TIMEOUT);
      var sql = new InstanceSql(files.endpoint(), installation.major(), superuser);
      var record = withServer(instance, sql, seed, filter, preload, data);
      if (!data.isShutDown()) {
        throw new CloneException(
            new StartFailed("Postgres did not shut down cleanly", files.logTail()));
      }
      record.write(volume, user);
      // Sharing blocks waits for those that are not on disk yet.
      Flush.fileSystemOf(volume);
      return record;
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("the data could not be prepared", e.toString()), e);
    }
  }

  private Map<String, String> settings(
      Installation installation, InstanceFiles files, Preload preload) {
    var settings =
        new LinkedHashMap<>(
            Guard.settings(installation.major(), files, preload, sharedBuffers, Durability.ASYNC));
    settings.put("autovacuum", "off");
    return settings;
  }

  private static VolumeRecord withServer(
      PostgresInstance instance,
      InstanceSql sql,
      List<Script> seed,
      PreloadFilter filter,
      Preload preload,
      DataDirectory data)
      throws CloneException, IOException, InterruptedException {
    try {
      var known = List.of("postgres", "template1");
      Subscriptions.detach(sql, known);
      RoleLibraries.removeMissing(sql, known, filter);
      for (var script : seed) {
        if (Thread.interrupted()) {
          throw new InterruptedException();
        }
        sql.run(script.database(), script.sql());
      }
      var contents = sql.contents(known);
      instance.stop(STOP_TIMEOUT);
      return new VolumeRecord(contents, preload, true, data.bytes());
    } finally {
      instance.stop(STOP_TIMEOUT);
    }
  }
}
