package io.vela.agent.storage.driver;

import io.vela.agent.Usage;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * Adds up what {@code filefrag -v} says of files' extents (e2fsprogs; the kernel's FIEMAP, with the
 * flag {@code shared} on an extent that another file has too).
 */
final class ExtentTally implements Consumer<String> {
  private static final Pattern FILE =
      Pattern.compile("File size of .* is \\d+ \\(\\d+ blocks? of (\\d+) bytes\\)");

  /** Number, first and last logical block, first and last physical block, length, and the rest. */
  private static final Pattern EXTENT =
      Pattern.compile(
          "\\s*\\d+:\\s*\\d+\\.\\.\\s*\\d+:\\s*\\d+\\.\\.\\s*\\d+:\\s*(\\d+):(?:\\s*\\d+:)?\\s*(\\S*)\\s*");

  private static final Pattern SHARED = Pattern.compile("(?:.*,)?shared(?:,.*)?");

  private long blockBytes = 4096;
  private long totalBytes;
  private long exclusiveBytes;

  @Override
  public void accept(String line) {
    var extent = EXTENT.matcher(line);
    if (extent.matches()) {
      long bytes = Math.multiplyExact(Long.parseLong(extent.group(1)), blockBytes);
      totalBytes += bytes;
      if (!SHARED.matcher(extent.group(2)).matches()) {
        exclusiveBytes += bytes;
      }
      return;
    }
    var file = FILE.matcher(line);
    if (file.matches()) {
      blockBytes = Long.parseLong(file.group(1));
    }
  }

  Usage usage() {
    return new Usage(totalBytes, exclusiveBytes);
  }
}
