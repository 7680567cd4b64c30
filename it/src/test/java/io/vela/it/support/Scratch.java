package io.vela.it.support;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A data directory that is unmounted and removed at the end, whatever was mounted in it. */
public final class Scratch implements AutoCloseable {
  private final Path top = Machine.folder();

  /** The data directory; it does not exist yet. */
  public Path data() {
    return top.resolve("data");
  }

  /** The folder that holds it, for other things. */
  public Path folder() {
    return top;
  }

  @Override
  public void close() throws IOException {
    endProcesses();
    unmount();
    Run.program("rm", "-rf", top.toString()).text();
  }

  /**
   * Postgres instances that a killed Vela left behind, told by the data directory in their argv.
   */
  private void endProcesses() throws IOException {
    ProcessHandle.allProcesses()
        .filter(process -> isOurs(process.pid()))
        .forEach(
            process -> {
              process.destroyForcibly();
              process.onExit().join();
            });
  }

  private boolean isOurs(long pid) {
    try {
      var arguments = Files.readString(Path.of("/proc/" + pid + "/cmdline")).replace('\0', ' ');
      return arguments.contains("postgres") && arguments.contains(top + "/");
    } catch (IOException | RuntimeException e) {
      return false;
    }
  }

  private void unmount() throws IOException {
    var mounts =
        Files.readAllLines(Path.of("/proc/mounts")).stream()
            .map(line -> List.of(line.split(" ")).get(1))
            .filter(path -> path.startsWith(top + "/"))
            .toList();
    for (var mount : mounts.reversed()) {
      Run.program("umount", mount).text();
    }
  }
}
