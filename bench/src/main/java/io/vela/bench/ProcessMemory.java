package io.vela.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** What Linux says of a process (proc(5)). */
final class ProcessMemory {
  /** {@code USER_HZ}: the same on all of today's architectures. */
  private static final double TICKS_PER_SECOND = 100;

  private final Path folder;

  ProcessMemory(long pid) {
    this.folder = Path.of("/proc", Long.toString(pid));
  }

  /** Resident memory in MiB. */
  double residentMib() throws IOException {
    return mib("status", "VmRSS:");
  }

  /**
   * Resident memory in MB, each page that is shared counted by the share of it (PSS): the sum over
   * processes is what they take together.
   */
  double proportionalMb() throws IOException {
    return mib("smaps_rollup", "Pss:") * 1.048576;
  }

  private double mib(String file, String key) throws IOException {
    for (var line : Files.readAllLines(folder.resolve(file))) {
      if (line.startsWith(key)) {
        return Double.parseDouble(line.replaceAll("[^0-9]", "")) / 1024;
      }
    }
    throw new IOException("no " + key + " in " + folder.resolve(file));
  }

  /** CPU time so far, of user and kernel. */
  double cpuSeconds() throws IOException {
    var stat = Files.readString(folder.resolve("stat"));
    var fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    return (Double.parseDouble(fields[11]) + Double.parseDouble(fields[12])) / TICKS_PER_SECOND;
  }

  /** The share of a core that it uses over a time, in percent. */
  double cpuPercent(Duration over) throws IOException, InterruptedException {
    double before = cpuSeconds();
    Thread.sleep(over);
    return (cpuSeconds() - before) / over.toMillis() * 1000 * 100;
  }
}
