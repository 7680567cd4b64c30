package io.vela.agent.isolation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.agent.exec.ServiceUser;
import io.vela.config.ResourceLimits;
import io.vela.config.value.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Groups of this host's kernel where it has a cgroup v2 hierarchy that can be written, and files as
 * that has them for what it lacks.
 */
class CgroupsTest {
  private static final ResourceLimits LIMITS =
      new ResourceLimits(
          Optional.of(new ByteSize(512L << 20)),
          Optional.of(1.5),
          Optional.of(100),
          Optional.empty(),
          Optional.empty());

  private static Path hierarchy() throws IOException {
    Assumptions.assumeTrue(ServiceUser.runningAsRoot(), "needs root");
    var place =
        Files.readAllLines(Path.of("/proc/self/mountinfo")).stream()
            .filter(line -> line.contains(" - cgroup2 "))
            .map(line -> Path.of(line.split(" ", -1)[4]))
            .filter(Files::isWritable)
            .findFirst();
    Assumptions.assumeTrue(place.isPresent(), "needs a cgroup v2 hierarchy");
    return place.get();
  }

  @Test
  void aProcessIsPutIntoAGroupOfTheKernelsThatGoesWhenItHasEnded() throws Exception {
    var hierarchy = hierarchy();
    var own = "vela-test-" + UUID.randomUUID();
    var cgroups = new Cgroups(Optional.of(hierarchy), own);
    var process = new ProcessBuilder("sleep", "600").start();
    try {
      cgroups.place("one", process.pid(), ResourceLimits.NONE, Path.of("/"));
      assertThat(Files.readAllLines(hierarchy.resolve(own + "/one/cgroup.procs")))
          .containsExactly("" + process.pid());
      assertThat(Files.readString(Path.of("/proc/" + process.pid() + "/cgroup")))
          .contains("0::/" + own + "/one\n");

      // What an earlier Vela left: only that which nobody is in goes.
      Files.createDirectory(hierarchy.resolve(own + "/left"));
      cgroups.sweep();
      assertThat(hierarchy.resolve(own + "/left")).doesNotExist();
      assertThat(hierarchy.resolve(own + "/one")).isDirectory();
    } finally {
      process.destroyForcibly().waitFor();
      cgroups.remove("one");
      Files.deleteIfExists(hierarchy.resolve(own));
    }
    assertThat(hierarchy.resolve(own)).doesNotExist();
  }

  @Test
  void whatTheKernelLacksIsSaidAndNothingIsLeft() throws Exception {
    var hierarchy = hierarchy();
    var controllers = Files.readString(hierarchy.resolve("cgroup.controllers"));
    Assumptions.assumeFalse(controllers.contains("memory"), "it lacks nothing here");
    var own = "vela-test-" + UUID.randomUUID();

    assertThatThrownBy(
            () -> new Cgroups(Optional.of(hierarchy), own).place("one", 1, LIMITS, Path.of("/")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("which this host cannot keep")
        .hasMessageContaining("has no controllers memory, cpu, pids");
    assertThat(hierarchy.resolve(own)).doesNotExist();
  }

  @Test
  void withoutAHierarchyNothingIsIgnored() {
    assertThatThrownBy(
            () -> new Cgroups(Optional.empty(), "vela").place("one", 1, LIMITS, Path.of("/")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no cgroup v2 hierarchy is mounted");
  }

  /** The kernel makes a group's files with the group; a folder has none: the first is missed. */
  @Test
  void aGroupThatCannotBeWrittenIsARefusal(@TempDir Path folder) throws Exception {
    Files.writeString(folder.resolve("cgroup.controllers"), "cpu io memory pids\n");
    Files.writeString(folder.resolve("cgroup.subtree_control"), "");

    assertThatThrownBy(
            () -> new Cgroups(Optional.of(folder), "vela").place("one", 1, LIMITS, folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("cannot be written");
  }
}
