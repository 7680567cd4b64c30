package io.vela.cli.up;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.config.VelaConfig;

/** The composition root: makes every part, gives each what it needs, and ends them in order. */
public final class Up {
  private final Terminal terminal;

  public Up(Terminal terminal) {
    this.terminal = terminal;
  }

  /** Runs until the process is told to stop. */
  public int run(VelaConfig config, boolean demo) throws Exception {
    terminal.err().println("data " + config.data() + " demo " + demo);
    throw new CliException("the parts are not there yet");
  }
}
