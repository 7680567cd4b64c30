package io.vela.agent.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What is mounted where, as this process sees it.
 *
 * @param all in the order of mounting
 */
public record Mounts(List<Mount> all) {
  private static final Path SOURCE = Path.of("/proc/self/mountinfo");

  /**
   * @param folder where
   * @param type of file system
   * @param source what: a device's name
   * @param attributes of this mount
   * @param options of the file system
   */
  public record Mount(
      Path folder, String type, String source, List<String> attributes, List<String> options) {}

  /** Reads what is mounted now. */
  public static Mounts read() throws IOException {
    return parse(Files.readAllLines(SOURCE));
  }

  /** Parses {@code mountinfo} (proc(5)). */
  static Mounts parse(List<String> lines) {
    return new Mounts(lines.stream().map(Mounts::mount).toList());
  }

  private static Mount mount(String line) {
    // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    var fields = List.of(line.split(" ", -1));
    int separator = fields.indexOf("-");
    return new Mount(
        Path.of(plain(fields.get(4))),
        fields.get(separator + 1),
        plain(fields.get(separator + 2)),
        List.of(fields.get(5).split(",", -1)),
        List.of(fields.get(separator + 3).split(",", -1)));
  }

  /** Undoes the kernel's octal escapes of space, tab, newline and backslash. */
  private static String plain(String field) {
    return field
        .replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\");
  }

  /** The mount that a path is on: of those at or above it the lowest, and of these the last. */
  public Optional<Mount> of(Path path) throws IOException {
    var real = path.toRealPath();
    return all.stream()
        .filter(mount -> real.startsWith(mount.folder()))
        .reduce((a, b) -> b.folder().getNameCount() >= a.folder().getNameCount() ? b : a);
  }

  /** What is seen at that folder, if it is a mount point: what was mounted there last. */
  Optional<Mount> at(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return Optional.empty();
    }
    var real = folder.toRealPath();
    return all.stream().filter(mount -> mount.folder().equals(real)).reduce((a, b) -> b);
  }
}
