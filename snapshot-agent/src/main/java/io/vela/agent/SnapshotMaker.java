package io.vela.agent;

import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.isolation.Launcher;
import io.vela.agent.isolation.RunFiles;
import io.vela.agent.postgres.DataDirectory;
import io.vela.agent.postgres.PostgresBinaries;
import io.vela.agent.postgres.Preparation;
import io.vela.agent.postgres.VolumeRecord;
import io.vela.agent.source.Importers;
import io.vela.agent.storage.Pool;
import io.vela.config.value.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes clean snapshots in staging: brings the data in, prepares it, freezes it. What fails or is
 * interrupted leaves nothing behind; what was killed is cleared away at the next opening.
 */
final class SnapshotMaker {
  private static final Logger log = LoggerFactory.getLogger(SnapshotMaker.class);
  static final String RUN_PREFIX = "s-";

  private final Pool pool;
  private final Importers importers;
  private final Preparation preparation;
  private final Path run;

  SnapshotMaker(
      Pool pool,
      PostgresBinaries binaries,
      ServiceUser user,
      Launcher launcher,
      Path run,
      ByteSize sharedBuffers) {
    this.pool = pool;
    this.importers = new Importers(binaries, user);
    this.preparation = new Preparation(binaries, user, launcher, sharedBuffers);
    this.run = run;
  }

  VolumeRecord make(SnapshotId id, Source source, Consumer<ImportProgress> progress)
      throws CloneException, InterruptedException {
    long start = System.nanoTime();
    var staging = pool.createStaging(id.value());
    var privateRun = run.resolve(RUN_PREFIX + id.value());
    VolumeRecord record;
    var room = new ImportRoom(pool);
    try {
      var data = DataDirectory.in(staging).path();
      var imported = importers.bring(source, data, progress);
      progress.accept(new ImportProgress("preparing", 0, 0));
      record = preparation.prepare(staging, privateRun, imported.configuration(), imported.seed());
      progress.accept(new ImportProgress("freezing", 0, 0));
      pool.freeze(staging, id);
    } catch (CloneException | InterruptedException | RuntimeException e) {
      // Before what takes the room is removed.
      var shortage = room.shortage();
      room.close();
      try {
        clear(staging, privateRun);
        pool.destroy(pool.snapshot(id));
      } catch (CloneException cleaning) {
        e.addSuppressed(cleaning);
      }
      if (shortage.isPresent()) {
        throw new CloneException(shortage.get(), e);
      }
      throw e;
    }
    room.close();
    clear(staging, privateRun);
    log.info(
        "snapshot created snapshot={} source={} bytes={} millis={}",
        id,
        source.getClass().getSimpleName(),
        record.bytes(),
        (System.nanoTime() - start) / 1_000_000);
    return record;
  }

  private void clear(Path staging, Path privateRun) throws CloneException {
    // The removal's own commands must run, interrupted or not.
    boolean interrupted = Thread.interrupted();
    try {
      pool.destroy(staging);
      new RunFiles(privateRun).delete();
      DataDirectory.delete(privateRun);
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed(privateRun + " cannot be removed", e.toString()), e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Removes what a killed Vela left half made. Only while nothing is being made.
   *
   * @param aside volumes that are left as they are
   */
  void discardHalfMade(Set<Path> aside) throws CloneException {
    try {
      pool.discardHalfMade(aside);
      if (Files.isDirectory(run)) {
        try (var folders = Files.newDirectoryStream(run, RUN_PREFIX + "*")) {
          for (var left : folders) {
            var name = left.getFileName().toString().substring(RUN_PREFIX.length());
            if (!aside.contains(pool.staging(name))) {
              DataDirectory.delete(left);
            }
          }
        }
      }
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("what an earlier Vela left cannot be cleared", e.toString()), e);
    }
  }
}
