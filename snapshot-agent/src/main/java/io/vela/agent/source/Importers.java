package io.vela.agent.source;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.ImportProgress;
import io.vela.agent.Source;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.postgres.PostgresBinaries;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.Consumer;

/** The registry of imports. */
public final class Importers {
  private final PostgresBinaries binaries;
  private final ServiceUser user;

  /**
   * @param user who owns the imported files
   */
  public Importers(PostgresBinaries binaries, ServiceUser user) {
    this.binaries = binaries;
    this.user = user;
  }

  /**
   * Brings a source's data in. A failure or an interrupt may leave a part of it behind, but no
   * process.
   *
   * @param data the data directory to make, in an empty volume
   * @param progress told from the calling thread
   */
  public Imported bring(Source source, Path data, Consumer<ImportProgress> progress)
      throws CloneException, InterruptedException {
    Importer importer =
        switch (source) {
          case Source.Empty empty -> new EmptyImport(empty, binaries, user);
          case Source.Directory directory -> new DirectoryImport(directory, binaries, user);
          case Source.Physical physical -> new PhysicalImport(physical, binaries, user);
        };
    try {
      return importer.bring(data, progress);
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("the import could not be written", e.toString()), e);
    }
  }
}
