package io.vela.admin;

import io.vela.config.ConfigException;
import io.vela.config.LiveConfig;

/** Reads the configuration again and puts in force what can change while Vela runs. */
@FunctionalInterface
public interface Reload {
  /**
   * Blocks.
   *
   * @throws ConfigException when the file cannot be used; then nothing has changed
   */
  LiveConfig.Change run() throws ConfigException;
}
