package io.vela.agent.postgres;

import io.vela.config.Network;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The processes of this host by their command lines, as {@code /proc} has them (proc(5)). Needed
 * after a crash of Vela, when nothing else knows what it had started.
 */
public final class RunningProcesses {
  private static final Path PROC = Path.of("/proc");

  /**
   * As much of a command line as is read: many times what Vela's own have. A process chooses its
   * own, of any length, and whoever is superuser in a branch chooses the process.
   */
  static final int MOST_BYTES = 256 << 10;

  private RunningProcesses() {}

  /**
   * @param handle the process
   * @param argv its program and arguments
   */
  public record Running(ProcessHandle handle, List<String> argv) {
    /** The data directory that it serves as a Postgres, or is on its way to. */
    public Optional<Path> served() {
      int option = argv.indexOf("-D");
      return option >= 0
              && option + 1 < argv.size()
              && argv.subList(0, option).stream().anyMatch(word -> word.endsWith("/postgres"))
          ? path(argv.get(option + 1))
          : Optional.empty();
    }

    /** Arguments of a process of anybody's may be no path in the encoding that Vela runs with. */
    private static Optional<Path> path(String word) {
      try {
        return Optional.of(Path.of(word));
      } catch (InvalidPathException e) {
        return Optional.empty();
      }
    }

    /** The absolute paths among its arguments, also those given to an option. */
    public List<Path> paths() {
      return argv.stream()
          .map(word -> word.substring(word.indexOf('=') + 1))
          .filter(word -> word.startsWith("/"))
          .flatMap(word -> path(word).stream())
          .toList();
    }

    /** Whether it is a postmaster of that data directory, or on its way to become it. */
    public boolean serves(Path data) {
      return served().filter(data::equals).isPresent();
    }

    /** Whether one of its arguments is a path in that folder, or gives one to an option. */
    public boolean worksIn(Path folder) {
      var path = folder + "/";
      return argv.stream()
          .skip(1)
          .anyMatch(word -> word.startsWith(path) || word.contains("=" + path));
    }

    /** Whether it is one of these programs, or a shell or wrapper that runs one. */
    public boolean runsOneOf(Set<String> programs) {
      return argv.stream()
          .anyMatch(word -> programs.contains(word.substring(word.lastIndexOf('/') + 1)));
    }

    /** The network that it is in: Vela's own or another; empty when it has ended. */
    Optional<Network> network() {
      try {
        var own = Files.readSymbolicLink(PROC.resolve("self/ns/net"));
        var its = Files.readSymbolicLink(PROC.resolve(handle.pid() + "/ns/net"));
        return Optional.of(own.equals(its) ? Network.HOST : Network.NONE);
      } catch (IOException e) {
        return Optional.empty();
      }
    }

    /** Whether it still is: one that has ended but was not waited for has no command line. */
    public boolean isThere() {
      return find(handle.pid()).filter(now -> now.handle().equals(handle)).isPresent();
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
  public static Optional<Running> find(long pid) {
    try {
      var line = start(PROC.resolve(pid + "/cmdline"));
      var argv = List.of(line.split("\0"));
      return line.isEmpty() || argv.isEmpty()
          ? Optional.empty()
          : ProcessHandle.of(pid).map(handle -> new Running(handle, argv));
    } catch (IOException e) {
      // It has ended in the meantime.
      return Optional.empty();
    }
  }

  private static String start(Path commandLine) throws IOException {
    try (var in = Files.newInputStream(commandLine)) {
      return new String(in.readNBytes(MOST_BYTES), StandardCharsets.UTF_8);
    }
  }
}
