package io.vela.agent.source;

import io.vela.agent.CloneException;
import io.vela.agent.ImportProgress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.Consumer;

/**
 * Brings data in from one kind of source. A new kind is one new file and one line in {@link
 * Importers}.
 */
interface Importer {
  /**
   * Makes the data directory. A failure or an interrupt may leave a part of it behind, but no
   * process.
   *
   * @param data its path, in an empty volume
   * @param progress told from the calling thread
   * @return what the preparation needs to know
   */
  Imported bring(Path data, Consumer<ImportProgress> progress)
      throws CloneException, IOException, InterruptedException;
}
