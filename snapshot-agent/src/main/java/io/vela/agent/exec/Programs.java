package io.vela.agent.exec;

import java.io.FileNotFoundException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;

/**
 * Finds programs in {@code PATH} and, after it, in the folders of system programs, which Debian
 * leaves out of an ordinary user's {@code PATH} and {@code su} out of root's.
 */
public final class Programs {
  private static final List<String> SYSTEM =
      List.of("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin");

  private Programs() {}

  /** The program's file. */
  public static Optional<Path> find(String program) {
    return findIn(Arrays.asList(searchPath().split(":", -1)), program);
  }

  /**
   * The file of a program that is the system's own: looked for only where none but root writes,
   * whatever {@code PATH} says.
   */
  public static Optional<Path> findOfSystem(String program) {
    return findIn(SYSTEM, program);
  }

  private static Optional<Path> findIn(List<String> folders, String program) {
    return folders.stream()
        .map(folder -> Path.of(folder, program))
        .filter(file -> Files.isRegularFile(file) && Files.isExecutable(file))
        .findFirst();
  }

  static Path require(String program) throws FileNotFoundException {
    return find(program).orElseThrow(() -> new FileNotFoundException(program + " was not found"));
  }

  /** The folders searched, as {@code PATH} writes them. */
  static String searchPath() {
    var folders = new LinkedHashSet<String>();
    for (var folder : Optional.ofNullable(System.getenv("PATH")).orElse("").split(":", -1)) {
      // An empty or relative entry would mean the working directory, whoever may write there.
      if (folder.startsWith("/")) {
        folders.add(folder);
      }
    }
    folders.addAll(SYSTEM);
    return String.join(":", folders);
  }
}
