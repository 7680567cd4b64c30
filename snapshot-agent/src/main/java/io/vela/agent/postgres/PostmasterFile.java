package io.vela.agent.postgres;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.agent.file.UnsafeFileException;
import io.vela.agent.file.UntrustedFolder;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What a running postmaster writes into {@code postmaster.pid} (Postgres source, {@code
 * miscadmin.h}, "Lines in lock file"): its process id on line 1 and its state on line 8.
 *
 * @param pid the postmaster
 * @param status {@code starting}, {@code ready}, {@code stopping}; empty while not written yet
 */
record PostmasterFile(long pid, String status) {
  static final String NAME = "postmaster.pid";
  private static final int STATUS_LINE = 7;

  /** Postgres writes some 100 bytes and two paths. */
  static final int MOST_BYTES = 16 * 1024;

  /**
   * What the file says; empty when there is none, when it is just being written, and when what is
   * there was put there by somebody else than a postmaster: a link, a device, a huge file.
   */
  static Optional<PostmasterFile> read(Path data) throws IOException {
    try {
      return parse(new String(new UntrustedFolder(data).read(NAME, MOST_BYTES), UTF_8));
    } catch (NoSuchFileException | UnsafeFileException e) {
      return Optional.empty();
    }
  }

  /** What a text says that may not be whole yet. */
  static Optional<PostmasterFile> parse(String text) {
    var lines = text.split("\n", -1);
    try {
      return Optional.of(
          new PostmasterFile(
              // A standalone backend writes its id as a negative number.
              Math.abs(Long.parseLong(lines[0].strip())),
              lines.length > STATUS_LINE ? lines[STATUS_LINE].strip() : ""));
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }

  boolean isReady() {
    return status.equals("ready");
  }
}
