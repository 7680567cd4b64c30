package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.Endpoint;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.isolation.Launcher;
import io.vela.agent.isolation.Launchers;
import io.vela.config.Durability;
import io.vela.config.value.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.concurrent.CompletionStage;

/**
 * A small, fully durable Postgres for Vela's own use, such as the catalogue: made when missing,
 * adopted when it outlived an earlier Vela.
 */
public final class LocalCluster {
  /** The superuser, and the name of a database. */
  public static final String SUPERUSER = "postgres";

  private static final ByteSize SHARED_BUFFERS = ByteSize.parse("16MB");

  private final PostgresInstance instance;
  private final Launcher launcher;
  private final boolean adopted;

  private LocalCluster(PostgresInstance instance, Launcher launcher, boolean adopted) {
    this.instance = instance;
    this.launcher = launcher;
    this.adopted = adopted;
  }

  /**
   * Makes the cluster when it is missing, and starts or adopts its server.
   *
   * @param folder where its data directory is; the user must be able to reach it
   * @param run its private folder, for the socket
   * @param timeout how long a start may take
   * @throws CloneException with the last lines of the log when it does not start
   */
  public static LocalCluster open(
      Path folder, Path run, Installation installation, ServiceUser user, Duration timeout)
      throws CloneException, InterruptedException {
    var data = folder.resolve("data");
    var files = new InstanceFiles(data, run);
    Launcher launcher;
    try {
      make(data, installation, user);
      if (!user.owns(data)) {
        // An earlier Vela ran it as another user.
        user.own(data);
      }
      launcher = Launchers.plain(user);
      var adopted = PostgresInstance.adopt(launcher, files, timeout);
      if (adopted.isPresent()) {
        return new LocalCluster(adopted.get(), launcher, true);
      }
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("the cluster in " + folder + " cannot be used", e.toString()), e);
    }
    var settings =
        new LinkedHashMap<>(
            Guard.settings(
                installation.major(), files, Preload.NONE, SHARED_BUFFERS, Durability.FULL));
    settings.put("max_connections", "30");
    settings.put("max_wal_senders", "0");
    settings.put("wal_level", "minimal");
    settings.put("max_parallel_workers_per_gather", "0");
    return new LocalCluster(
        PostgresInstance.start(installation, launcher, files, settings, timeout), launcher, false);
  }

  private static void make(Path data, Installation installation, ServiceUser user)
      throws CloneException, IOException, InterruptedException {
    if (Files.isDirectory(data)) {
      return;
    }
    var unfinished = data.resolveSibling("data.new");
    InitDb.run(installation, user, unfinished);
    Flush.fileSystemOf(unfinished);
    Files.move(unfinished, data, StandardCopyOption.ATOMIC_MOVE);
  }

  /** Where it accepts connections, as {@link #SUPERUSER} without a password. */
  public Endpoint.UnixSocket endpoint() {
    return instance.files().ownEndpoint();
  }

  /** Whether it ran already. */
  public boolean adopted() {
    return adopted;
  }

  /** Completes when its server has ended, whoever ended it. */
  public CompletionStage<PostgresInstance.Ended> ended() {
    return instance.ended();
  }

  /** As {@link PostgresInstance#endIfStuck}. */
  boolean endIfStuck(Duration timeout) throws CloneException {
    return instance.endIfStuck(timeout);
  }

  /** Stops its server cleanly. */
  public void stop(Duration timeout) throws CloneException {
    instance.stop(timeout);
    launcher.close();
  }
}
