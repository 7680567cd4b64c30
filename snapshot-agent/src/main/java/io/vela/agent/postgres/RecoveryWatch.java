package io.vela.agent.postgres;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Finds out whether a postmaster recovers for ever. After a crash it starts the startup process,
 * which replays the WAL, and when that has ended the WAL writer, which lives as long as sessions
 * are served (Postgres documentation, section 28.5). A postmaster that has neither serves nobody,
 * and gets nowhere: Postgres 18 was seen like that for minutes, after its checkpointer had failed
 * repeatedly on a full disk. Only stopping helps, and loses nothing: all it has is what a crash
 * leaves.
 *
 * <p>One thread at a time.
 */
final class RecoveryWatch {
  /** For so long it may have neither: after a crash it waits five seconds for its processes. */
  static final Duration PATIENCE = Duration.ofSeconds(20);

  /** More than the title of any server process. */
  private static final int MOST_BYTES = 512;

  private boolean seen;
  private long seenSince;

  /**
   * Looks once.
   *
   * @param postmaster its process id
   * @param now by {@link System#nanoTime}
   * @return whether all looks for {@link #PATIENCE} have seen neither process
   */
  boolean isStuck(long postmaster, long now) {
    if (!hasOnlyOthers(postmaster)) {
      seen = false;
      return false;
    }
    if (!seen) {
      seen = true;
      seenSince = now;
    }
    return now - seenSince >= PATIENCE.toNanos();
  }

  /** Whether it has neither of the two, while it has the checkpointer, which stands by both. */
  private static boolean hasOnlyOthers(long postmaster) {
    try {
      // Without this file (CONFIG_PROC_CHILDREN; proc(5)) it is not known, so it is believed.
      var children =
          Files.readString(
                  Path.of("/proc/%d/task/%d/children".formatted(postmaster, postmaster)),
                  StandardCharsets.US_ASCII)
              .strip();
      boolean checkpointer = false;
      for (var child : children.split(" ", -1)) {
        var title = title(child);
        if (title.contains("walwriter") || title.contains("startup")) {
          return false;
        }
        checkpointer |= title.contains("checkpointer");
      }
      return checkpointer;
    } catch (IOException e) {
      return false;
    }
  }

  private static String title(String pid) {
    try (var in = Files.newInputStream(Path.of("/proc/" + pid + "/cmdline"))) {
      return new String(in.readNBytes(MOST_BYTES), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      return "";
    }
  }
}
