package io.vela.agent.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MountsTest {
  @Test
  void optionalFieldsAndEscapesAreUnderstood() {
    var mounts =
        Mounts.parse(
            List.of(
                "36 35 98:0 /mnt1 /mnt\\040two rw,noatime master:1 shared:7 - ext3 /dev/root rw",
                "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard"));

    assertThat(mounts.all())
        .containsExactly(
            new Mounts.Mount(
                Path.of("/mnt two"), "ext3", "/dev/root", List.of("rw", "noatime"), List.of("rw")),
            new Mounts.Mount(
                Path.of("/"),
                "ext4",
                "/dev/vda",
                List.of("rw", "relatime"),
                List.of("rw", "discard")));
  }

  @Test
  void whatWasMountedLastIsSeenAndAnyOtherFolderIsNoMountPoint(@TempDir Path folder)
      throws Exception {
    var real = folder.toRealPath();
    var mounts =
        new Mounts(
            List.of(
                new Mounts.Mount(real, "ext4", "/dev/vda", List.of("rw"), List.of("rw")),
                new Mounts.Mount(
                    real, "btrfs", "/dev/loop0", List.of("rw"), List.of("rw", "flushoncommit"))));

    assertThat(mounts.at(folder)).map(Mounts.Mount::type).contains("btrfs");
    assertThat(mounts.of(Files.createDirectory(real.resolve("below"))))
        .map(Mounts.Mount::options)
        .hasValueSatisfying(options -> assertThat(options).contains("flushoncommit"));
    assertThat(mounts.of(real.getRoot())).isEmpty();
    assertThat(mounts.at(real.getRoot())).isEmpty();
    assertThat(mounts.at(folder.resolve("absent"))).isEmpty();
    assertThat(Mounts.read().at(Path.of("/proc"))).map(Mounts.Mount::type).contains("proc");
  }
}
