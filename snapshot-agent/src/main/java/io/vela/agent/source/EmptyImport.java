package io.vela.agent.source;

import io.vela.agent.CloneException;
import io.vela.agent.ImportProgress;
import io.vela.agent.Source;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.postgres.DataDirectory;
import io.vela.agent.postgres.InitDb;
import io.vela.agent.postgres.PostgresBinaries;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/** A new cluster. */
final class EmptyImport implements Importer {
  private static final List<String> CONFIGURATION =
      List.of(
          "",
          "# Vela: on storage that copies on write, a new WAL file costs less than one written"
              + " over",
          "# (Postgres documentation, section 19.5.1, wal_init_zero and wal_recycle).",
          "wal_init_zero = off",
          "wal_recycle = off",
          "",
          "# Vela: a test run that opens hundreds of connections at once is what a branch is for.",
          "max_connections = 250");

  private final Source.Empty source;
  private final PostgresBinaries binaries;
  private final ServiceUser user;

  EmptyImport(Source.Empty source, PostgresBinaries binaries, ServiceUser user) {
    this.source = source;
    this.binaries = binaries;
    this.user = user;
  }

  @Override
  public Imported bring(Path data, Consumer<ImportProgress> progress)
      throws CloneException, IOException, InterruptedException {
    progress.accept(new ImportProgress("initializing", 0, 0));
    InitDb.run(binaries.installation(source.major()), user, data);
    new DataDirectory(data).configure(CONFIGURATION);
    return new Imported(List.of(), source.seed());
  }
}
