package io.vela.agent.storage.driver;

import io.vela.agent.CloneException;
import io.vela.agent.Usage;
import io.vela.agent.file.UntrustedFolder;
import java.io.IOException;
import java.nio.file.Path;

/** Measures volumes of file systems that tell which extents files share. */
final class Extents {
  private Extents() {}

  static Usage usage(Path volume) throws CloneException {
    FileTree.require(volume);
    try {
      var blocks = KernelThread.call("extents", new UntrustedFolder(volume)::blocks);
      return new Usage(blocks.bytes(), blocks.exclusiveBytes());
    } catch (IOException e) {
      throw FileTree.failed("%s could not be measured: %s".formatted(volume, e.getMessage()), e);
    }
  }
}
