package io.vela.agent.postgres;

import io.vela.agent.exec.Command;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/** Writes to disk what many files hold, in one step (syncfs(2)) instead of one for each file. */
final class Flush {
  private static final Duration TIMEOUT = Duration.ofMinutes(30);

  private Flush() {}

  static void fileSystemOf(Path path) throws IOException, InterruptedException {
    var result = Command.of("sync", "--file-system", path.toString()).within(TIMEOUT).run();
    if (!result.ok()) {
      throw new IOException(result.problem());
    }
  }
}
