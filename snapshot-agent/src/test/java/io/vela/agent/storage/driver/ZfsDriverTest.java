package io.vela.agent.storage.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.Usage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * ZFS was not run: it cannot be here. These tests compare the commands that the driver would run
 * with those of the OpenZFS manual (zfs-create(8), zfs-snapshot(8), zfs-clone(8), zfs-promote(8),
 * zfs-rename(8), zfs-destroy(8), zfs-list(8)), against answers written from it.
 */
class ZfsDriverTest {
  private static final String ABSENT = "cannot open 'x': dataset does not exist";

  @TempDir Path pool;
  private final List<String> ran = new ArrayList<>();

  /** Answers a command with a text, or refuses it with one that begins with "!". */
  private ZfsDriver driver(Map<String, String> answers) {
    return new ZfsDriver(
        argv -> {
          var command = String.join(" ", argv);
          if (command.equals("zfs list -H -o name " + pool)) {
            return "tank/vela\n";
          }
          ran.add(command);
          var answer = answers.getOrDefault(command, "");
          if (answer.startsWith("!")) {
            throw new CloneException(new StorageFailed("zfs ended with exit code 1", answer));
          }
          return answer;
        });
  }

  @Test
  void aVolumeIsADataset() throws Exception {
    driver(Map.of()).create(pool.resolve("staging/import"));

    assertThat(ran).containsExactly("zfs create -p tank/vela/staging/import");
  }

  @Test
  void aSnapshotTakesThePointInTimeOverAndHasItsNameOnlyAtTheEnd() throws Exception {
    driver(Map.of("zfs list -H -t all -o name tank/vela/snapshots/s1.partial", "!" + ABSENT))
        .snapshot(pool.resolve("staging/import"), pool.resolve("snapshots/s1"));

    assertThat(ran)
        .containsExactly(
            "zfs list -H -t all -o name tank/vela/snapshots/s1.partial",
            "zfs snapshot tank/vela/staging/import@s1",
            "zfs clone -p -o readonly=on tank/vela/staging/import@s1"
                + " tank/vela/snapshots/s1.partial",
            "zfs promote tank/vela/snapshots/s1.partial",
            "zfs rename tank/vela/snapshots/s1.partial tank/vela/snapshots/s1");
  }

  @Test
  void aSnapshotThatFailsLeavesNeitherDatasetNorPointInTime() {
    var driver =
        driver(
            Map.of(
                "zfs list -H -t all -o name tank/vela/snapshots/s1.partial",
                "!" + ABSENT,
                "zfs clone -p -o readonly=on tank/vela/staging/import@s1"
                    + " tank/vela/snapshots/s1.partial",
                "!out of space"));

    assertThatThrownBy(
            () -> driver.snapshot(pool.resolve("staging/import"), pool.resolve("snapshots/s1")))
        .isInstanceOf(CloneException.class);

    assertThat(ran.subList(3, ran.size()))
        .containsExactly(
            "zfs list -H -t all -o name tank/vela/snapshots/s1.partial",
            "zfs list -H -t all -o name tank/vela/staging/import@s1",
            "zfs destroy tank/vela/staging/import@s1");
  }

  @Test
  void aCloneIsOneCommand() throws Exception {
    driver(Map.of()).clone(pool.resolve("snapshots/s1"), pool.resolve("clones/c1"));

    assertThat(ran).containsExactly("zfs clone -p tank/vela/snapshots/s1@s1 tank/vela/clones/c1");
  }

  @Test
  void aDatasetGoesOnceNothingStandsOnIt() throws Exception {
    var standing = "zfs list -H -d 1 -t snapshot -S createtxg -o clones tank/vela/snapshots/s1";
    var answers = new ArrayList<>(List.of("tank/vela/clones/c1,tank/vela/clones/c2\n", "-\n"));
    var driver =
        new ZfsDriver(
            argv -> {
              var command = String.join(" ", argv);
              if (command.equals("zfs list -H -o name " + pool)) {
                return "tank/vela";
              }
              ran.add(command);
              return command.equals(standing) ? answers.removeFirst() : "";
            });
    Files.createDirectories(pool.resolve("snapshots/s1"));

    driver.destroy(pool.resolve("snapshots/s1"));

    assertThat(ran)
        .containsExactly(
            "zfs list -H -t all -o name tank/vela/snapshots/s1",
            standing,
            "zfs promote tank/vela/clones/c1",
            standing,
            "zfs destroy -r tank/vela/snapshots/s1");
    assertThat(pool.resolve("snapshots/s1")).doesNotExist();
  }

  @Test
  void whatIsNotThereIsNotDestroyedButOtherFailuresAreTold() throws Exception {
    var list = "zfs list -H -t all -o name tank/vela/clones/c1";

    driver(Map.of(list, "!" + ABSENT)).destroy(pool.resolve("clones/c1"));
    assertThat(ran).containsExactly(list);

    assertThatThrownBy(
            () -> driver(Map.of(list, "!permission denied")).destroy(pool.resolve("clones/c1")))
        .isInstanceOf(CloneException.class);
  }

  @Test
  void usageIsWhatItReferencesAndWhatItAloneUses() throws Exception {
    var usage =
        driver(Map.of("zfs list -H -p -o referenced,used tank/vela/clones/c1", "52428800\t8192\n"))
            .usage(pool.resolve("clones/c1"));

    assertThat(usage).isEqualTo(new Usage(52428800, 8192));
  }
}
