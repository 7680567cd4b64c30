package io.vela.agent.storage;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.agent.exec.Command;
import io.vela.agent.exec.DebianPackages;
import io.vela.agent.exec.ServiceUser;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/** A real file system of a kind, in a file, for one test. */
public record LoopMount(String type, Path folder) {
  private static final long MIB = 1 << 20;

  /**
   * @param type btrfs, xfs (with reflinks) or ext4
   * @param temp folder for the file and the mount point
   */
  public static LoopMount make(String type, int mebibytes, Path temp) throws Exception {
    requireRoot("a loop-mounted " + type);
    var packages =
        switch (type) {
          case "btrfs" -> "btrfs-progs";
          case "xfs" -> "xfsprogs";
          default -> "e2fsprogs";
        };
    new DebianPackages(System.err::println).ensure("mkfs." + type, packages);
    var image = temp.resolve(type + ".img");
    try (var file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(mebibytes * MIB);
    }
    var mkfs = new ArrayList<>(List.of("mkfs." + type, "-q"));
    if (type.equals("xfs")) {
      mkfs.addAll(List.of("-m", "reflink=1"));
    }
    mkfs.add(image.toString());
    must(mkfs);
    var folder = Files.createDirectories(temp.resolve(type)).toRealPath();
    must(List.of("mount", "-o", "loop", image.toString(), folder.toString()));
    return new LoopMount(type, folder);
  }

  /** Skips loudly without root; in CI that is a failure. */
  public static void requireRoot(String what) {
    if (!ServiceUser.runningAsRoot()) {
      assertThat(System.getenv("CI"))
          .as("CI runs all tests, which needs root")
          .isNotEqualTo("true");
      System.err.println("NOT RUN without root: " + what);
      Assumptions.abort("needs root: " + what);
    }
  }

  /** Runs a command that must succeed, and returns its stdout. */
  public static String must(List<String> argv) throws Exception {
    var result = Command.of(argv).within(Duration.ofMinutes(1)).run();
    assertThat(result.ok()).as("%s: %s", argv, result.problem()).isTrue();
    return result.stdout();
  }

  /** Ends the mount. */
  public void unmount() throws Exception {
    must(List.of("umount", folder.toString()));
  }
}
