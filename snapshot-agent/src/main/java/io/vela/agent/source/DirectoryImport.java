package io.vela.agent.source;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.SourceFailed;
import io.vela.agent.CloneFailure.UnsupportedSource;
import io.vela.agent.ImportProgress;
import io.vela.agent.Source;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.postgres.DataDirectory;
import io.vela.agent.postgres.PostgresBinaries;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/** A stopped data directory, copied and not changed. */
final class DirectoryImport implements Importer {
  private static final Duration TIMEOUT = Duration.ofHours(24);
  private static final Duration BETWEEN_PROGRESS = Duration.ofMillis(500);

  private final Path source;
  private final PostgresBinaries binaries;
  private final ServiceUser user;

  DirectoryImport(Source.Directory source, PostgresBinaries binaries, ServiceUser user) {
    this.source = Path.of(source.path()).toAbsolutePath().normalize();
    this.binaries = binaries;
    this.user = user;
  }

  @Override
  public Imported bring(Path data, Consumer<ImportProgress> progress)
      throws CloneException, IOException, InterruptedException {
    var original = new DataDirectory(source);
    // Before anything is copied: the data would be of no use.
    binaries.installation(original.major());
    check(original);
    long total = original.bytes();
    copy(data, total, progress);
    if (original.isInUse()) {
      throw new CloneException(inUse());
    }
    user.own(data);
    Files.setPosixFilePermissions(data, PosixFilePermissions.fromString("rwx------"));
    progress.accept(new ImportProgress("copying", total, total));
    return new Imported(
        List.of("# made by Vela: the data came without a configuration"), List.of());
  }

  private void check(DataDirectory original) throws CloneException, IOException {
    if (original.isInUse()) {
      throw new CloneException(inUse());
    }
    if (!original.isComplete()) {
      throw new CloneException(
          new UnsupportedSource(
              source + " was not shut down cleanly",
              "Start its server and stop it with pg_ctl stop -m fast, or import it while it runs:"
                  + " postgresql://user@host:port/"));
    }
    var tablespaces = original.tablespaces();
    if (!tablespaces.isEmpty()) {
      throw new CloneException(
          new UnsupportedSource(
              "the source has tablespaces outside of its data directory: "
                  + String.join(", ", tablespaces),
              "Move their tables and indexes to pg_default and drop them."));
    }
  }

  private UnsupportedSource inUse() {
    return new UnsupportedSource(
        "a server runs on " + source,
        "Stop it, or import it while it runs: postgresql://user@host:port/");
  }

  /** Links are followed: a clone that wrote through one would write into the source. */
  private void copy(Path data, long total, Consumer<ImportProgress> progress)
      throws CloneException, InterruptedException {
    var target = new DataDirectory(data);
    var next = new long[] {System.nanoTime()};
    var result =
        Command.of(
                List.of(
                    "cp",
                    "--recursive",
                    "--dereference",
                    "--preserve=mode,timestamps",
                    "--reflink=auto",
                    "--verbose",
                    "--",
                    source.toString(),
                    data.toString()))
            .within(TIMEOUT)
            .run(
                line -> {
                  if (System.nanoTime() >= next[0]) {
                    progress.accept(new ImportProgress("copying", bytes(target), total));
                    next[0] = System.nanoTime() + BETWEEN_PROGRESS.toNanos();
                  }
                });
    if (!result.ok()) {
      throw new CloneException(
          new SourceFailed(source + " could not be copied: " + result.problem(), result.stderr()));
    }
  }

  private static long bytes(DataDirectory target) {
    try {
      return Files.exists(target.path()) ? target.bytes() : 0;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
