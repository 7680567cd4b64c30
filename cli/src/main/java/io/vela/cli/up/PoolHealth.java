package io.vela.cli.up;

import io.vela.admin.HealthPart;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Whether the pool can be written, found out by writing to it: a file system that had trouble may
 * still say that it is mounted for writing.
 *
 * @param root the pool's folder
 */
record PoolHealth(Path root) implements HealthPart {
  private static final String PROBE = ".vela-health";

  @Override
  public State look() {
    var probe = root.resolve(PROBE);
    try {
      // What a crash left of an earlier look.
      Files.deleteIfExists(probe);
      Files.write(probe, "x".getBytes(StandardCharsets.UTF_8), StandardOpenOption.CREATE_NEW);
      Files.delete(probe);
      return State.up("it can be written");
    } catch (FileSystemException e) {
      // The reason is the system's own words, without the path.
      return State.down("it cannot be written: " + e.getReason());
    } catch (IOException e) {
      return State.down("it cannot be written: " + e.getMessage());
    }
  }
}
