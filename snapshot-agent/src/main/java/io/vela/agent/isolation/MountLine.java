package io.vela.agent.isolation;

import io.vela.agent.storage.MountOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;

/**
 * One line for {@code mount --all} (fstab(5)).
 *
 * @param source what is mounted: a path, or any word where the type needs no source
 * @param target where
 * @param type of file system; {@code none} when a path is shown a second time
 */
record MountLine(String source, String target, String type, List<String> options) {
  /**
   * What a user namespace of an ordinary user may not take off a mount of the host
   * (mount_namespaces(7), "Restrictions on mount namespaces"): an attempt would be refused.
   */
  private static final List<String> LOCKED = List.of("ro", "nosuid", "nodev", "noexec");

  /**
   * Shows a file or folder of the host a second time.
   *
   * @param source its path on the host
   * @param reached the path by which it is reached where it is mounted
   */
  static MountLine again(Path source, String reached, String target, List<String> options)
      throws IOException {
    var all = new LinkedHashSet<>(List.of("rbind"));
    all.addAll(options);
    MountOptions.ofMount(source).stream().filter(LOCKED::contains).forEach(all::add);
    return new MountLine(reached, target, "none", List.copyOf(all));
  }

  /** The line; blanks and the like are written as octal numbers, as fstab(5) wants them. */
  String text() {
    return "%s %s %s %s 0 0"
        .formatted(escaped(source), escaped(target), type, String.join(",", options));
  }

  private static String escaped(String path) {
    return path.replace("\\", "\\134")
        .replace(" ", "\\040")
        .replace("\t", "\\011")
        .replace("\n", "\\012")
        .replace("#", "\\043");
  }
}
