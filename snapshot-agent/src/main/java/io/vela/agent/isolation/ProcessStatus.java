package io.vela.agent.isolation;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** What {@code /proc} tells of a process (proc(5)). Everything is empty when it has ended. */
final class ProcessStatus {
  private static final int STATE = 0;
  private static final int STARTED = 19;

  private ProcessStatus() {}

  /** When it started, in ticks since boot; empty also when it has ended and was not collected. */
  static Optional<Long> started(long pid) {
    // Its name, in parentheses, may hold anything.
    return text(pid, "stat")
        .map(stat -> stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1))
        .filter(fields -> !fields[STATE].equals("Z") && !fields[STATE].equals("X"))
        .map(fields -> Long.parseLong(fields[STARTED]));
  }

  /** The name of its program. */
  static Optional<String> name(long pid) {
    return text(pid, "comm").map(String::strip);
  }

  /** Its children, oldest first. */
  static List<Long> children(long pid) {
    return text(pid, "task/" + pid + "/children")
        .map(line -> Arrays.stream(line.strip().split(" ", -1)).filter(word -> !word.isEmpty()))
        .map(words -> words.map(Long::parseLong).toList())
        .orElse(List.of());
  }

  /** The first process of that name among a process and its eldest descendants. */
  static OptionalLong eldest(long pid, String name) {
    var next = Optional.of(pid);
    for (int generation = 0; next.isPresent() && generation < 4; generation++) {
      if (name(next.get()).filter(name::equals).isPresent()) {
        return OptionalLong.of(next.get());
      }
      next = children(next.get()).stream().findFirst();
    }
    return OptionalLong.empty();
  }

  private static Optional<String> text(long pid, String file) {
    try {
      return Optional.of(
          new String(
              Files.readAllBytes(Path.of("/proc", String.valueOf(pid), file)),
              StandardCharsets.UTF_8));
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
