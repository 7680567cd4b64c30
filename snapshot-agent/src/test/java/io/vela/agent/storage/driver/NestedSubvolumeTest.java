package io.vela.agent.storage.driver;

import static io.vela.agent.storage.LoopMount.must;
import static org.assertj.core.api.Assertions.assertThat;

import io.vela.agent.storage.LoopMount;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NestedSubvolumeTest {
  @TempDir Path temp;

  @Test
  void aVolumeIsRemovedThoughItsOwnerHasMadeSubvolumesInIt() throws Exception {
    var mount = LoopMount.make("btrfs", 320, temp);
    try {
      var driver = new BtrfsDriver();
      var volume = mount.folder().resolve("volume");
      driver.create(volume);
      var nested = volume.resolve("nested").toString();
      must(List.of("btrfs", "subvolume", "create", nested));
      Files.writeString(Path.of(nested, "file"), "x");
      must(List.of("btrfs", "subvolume", "create", nested + "/deeper"));
      must(List.of("btrfs", "subvolume", "snapshot", "-r", nested, volume + "/frozen"));

      driver.destroy(volume);

      try (var left = Files.list(mount.folder())) {
        assertThat(left).isEmpty();
      }
    } finally {
      mount.unmount();
    }
  }

  @Test
  void whatItsOwnerWritesIntoSubvolumesCounts() throws Exception {
    var mount = LoopMount.make("btrfs", 320, temp);
    try {
      var driver = new BtrfsDriver();
      var volume = mount.folder().resolve("volume");
      driver.create(volume);
      var nested = volume.resolve("nested");
      must(List.of("btrfs", "subvolume", "create", nested.toString()));
      Files.write(nested.resolve("file"), new byte[4 << 20]);

      assertThat(driver.usage(volume).exclusiveBytes()).isBetween(4L << 20, 5L << 20);
      assertThat(driver.pendingBytes(mount.folder())).isBetween(4L << 20, 5L << 20);
    } finally {
      mount.unmount();
    }
  }
}
