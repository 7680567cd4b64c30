package io.vela.cli.up;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.config.VelaConfig;

/** Stands in until router, proxy and agent are all there. */
final class Up {
  private final Terminal terminal;
  private final VelaConfig config;

  Up(Terminal terminal, VelaConfig config, boolean demo) {
    this.terminal = terminal;
    this.config = config;
  }

  int run(StopSignal stop) throws CliException, InterruptedException, java.io.IOException {
    try (var lock = DataLock.take(config.data())) {
      terminal.err().println("locked " + config.data() + " " + lock);
      stop.await();
      throw new CliException("not composed yet");
    }
  }
}
