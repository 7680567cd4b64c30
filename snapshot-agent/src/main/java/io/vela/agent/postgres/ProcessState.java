package io.vela.agent.postgres;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** What a process is at, as far as that explains why it does not end (proc(5), {@code stat}). */
enum ProcessState {
  /** Stopped by a signal or held by a debugger: it acts on nothing but being killed. */
  STOPPED,
  /** In a system call that cannot be left, mostly for a disk: it acts on nothing at all. */
  UNINTERRUPTIBLE,
  /** Anything else, or not known. */
  OTHER;

  static ProcessState of(long pid) {
    try {
      var stat =
          new String(
              Files.readAllBytes(Path.of("/proc/" + pid + "/stat")), StandardCharsets.ISO_8859_1);
      // The name before it is in parentheses, and may itself hold some.
      return switch (stat.charAt(stat.lastIndexOf(')') + 2)) {
        case 'T', 't' -> STOPPED;
        case 'D' -> UNINTERRUPTIBLE;
        default -> OTHER;
      };
    } catch (IOException | StringIndexOutOfBoundsException e) {
      // It has ended in the meantime.
      return OTHER;
    }
  }
}
