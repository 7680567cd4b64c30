package io.vela.cli.client;

import io.vela.cli.Terminal;
import java.nio.file.Path;
import java.util.Optional;

/** Which data directory is meant. */
public final class DataDirectory {
  private DataDirectory() {}

  /** The option, else VELA_DATA; empty when neither is given. */
  public static Optional<Path> named(Optional<Path> option, Terminal terminal) {
    return option
        .or(() -> terminal.variable("VELA_DATA").map(Path::of))
        .map(path -> path.toAbsolutePath().normalize());
  }

  /** Where it is when it is not named. */
  public static Path standard(Terminal terminal) {
    return terminal.home().resolve(".vela");
  }
}
