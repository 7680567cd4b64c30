package io.vela.agent.file;

import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** What an owner may put where Vela expects a plain file. */
public final class HostileEntries {
  private static final long HUGE = 1L << 36;

  private HostileEntries() {}

  /** Makes an entry at a path. */
  @FunctionalInterface
  public interface Entry {
    void put(Path at) throws IOException, InterruptedException;
  }

  /**
   * All kinds that this process may make, by name.
   *
   * @param outside a file that no link may lead to
   */
  public static Map<String, Entry> all(Path outside) {
    var entries = new LinkedHashMap<String, Entry>();
    entries.put("a link to a file", at -> Files.createSymbolicLink(at, outside));
    entries.put("a link to /dev/zero", at -> Files.createSymbolicLink(at, Path.of("/dev/zero")));
    entries.put("a link to nothing", at -> Files.createSymbolicLink(at, Path.of("/no/such/file")));
    entries.put("a link to itself", at -> Files.createSymbolicLink(at, at));
    entries.put("a pipe", at -> run("mkfifo", at.toString()));
    entries.put("a folder", Files::createDirectory);
    entries.put(
        "a sparse huge file",
        at -> {
          try (var file = new RandomAccessFile(at.toFile(), "rw")) {
            file.setLength(HUGE);
          }
        });
    if (ServiceUser.runningAsRoot()) {
      entries.put("a device", at -> run("mknod", at.toString(), "c", "1", "5"));
    }
    return entries;
  }

  public static void run(String... argv) throws IOException, InterruptedException {
    var result = Command.of(argv).run();
    if (!result.ok()) {
      throw new IOException(result.problem());
    }
  }
}
