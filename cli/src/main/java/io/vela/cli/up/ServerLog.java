package io.vela.cli.up;

import io.vela.cli.log.LogSetup;
import java.nio.file.Path;

/**
 * Where logs go: {@code vela.log} in the data directory, warnings to stderr as well. Stdout is the
 * person's. Must come before the first logger is made.
 */
final class ServerLog {
  private ServerLog() {}

  static void writeTo(Path data) {
    System.setProperty(
        "vertx.logger-delegate-factory-class-name",
        "io.vertx.core.logging.SLF4JLogDelegateFactory");
    System.setProperty(LogSetup.FILE, data.resolve("vela").toString());
  }
}
