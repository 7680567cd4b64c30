package io.vela.agent.postgres;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The processes of this host by their command lines, as {@code /proc} has them (proc(5)). Needed
 * after a crash of Vela, when nothing else knows what it had started.
 */
public final class RunningProcesses {
  private static final Path PROC = Path.of("/proc");

  private RunningProcesses() {}

  /**
   * @param handle the process
   * @param argv its program and arguments
   */
  public record Running(ProcessHandle handle, List<String> argv) {
    /** Whether it is a postmaster of that data directory, or on its way to become it. */
    public boolean serves(Path data) {
      int option = argv.indexOf("-D");
      return option >= 0
          && option + 1 < argv.size()
          && argv.get(option + 1).equals(data.toString())
          && argv.subList(0, option).stream().anyMatch(word -> word.endsWith("/postgres"));
    }

    /** Whether one of its arguments is a path in that folder. */
    public boolean worksIn(Path folder) {
      return argv.stream().skip(1).anyMatch(word -> word.contains(folder + "/"));
    }
  }

  /** All processes that have a command line. */
  public static List<Running> list() throws IOException {
    var running = new ArrayList<Running>();
    try (var folders = Files.newDirectoryStream(PROC, "[0-9]*")) {
      for (var folder : folders) {
        find(Long.parseLong(folder.getFileName().toString())).ifPresent(running::add);
      }
    }
    return running;
  }

  /** The process of that id. */
  static Optional<Running> find(long pid) {
    try {
      var line =
          new String(Files.readAllBytes(PROC.resolve(pid + "/cmdline")), StandardCharsets.UTF_8);
      return line.isEmpty()
          ? Optional.empty()
          : ProcessHandle.of(pid).map(handle -> new Running(handle, List.of(line.split("\0"))));
    } catch (IOException e) {
      // It has ended in the meantime.
      return Optional.empty();
    }
  }
}
