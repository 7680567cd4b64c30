package io.vela.agent.storage.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.exec.Command;
import io.vela.agent.storage.LoopMount;
import io.vela.agent.storage.StorageDriver;
import io.vela.agent.storage.StorageDriver.Probe;
import io.vela.agent.storage.StorageDrivers;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What every driver of the registry promises, each on a real file system of its kind. */
class StorageDriverContractTest {
  private static final int MIB = 1 << 20;

  @TempDir Path temp;
  private final List<LoopMount> mounts = new ArrayList<>();

  static Stream<StorageDriver> drivers() {
    return StorageDrivers.all().stream().filter(driver -> !driver.name().equals("zfs"));
  }

  @AfterEach
  void unmount() throws Exception {
    for (var mount : mounts) {
      mount.unmount();
    }
  }

  /** A folder on a file system on which the driver works. */
  private Path home(StorageDriver driver) throws Exception {
    return mounted(
        switch (driver.name()) {
          case "btrfs" -> "btrfs";
          case "reflink" -> "xfs";
          case "copy" -> "ext4";
          default -> throw new AssertionError("no file system to test " + driver.name() + " on");
        });
  }

  private Path mounted(String type) throws Exception {
    var mount = LoopMount.make(type, 320, temp);
    mounts.add(mount);
    return mount.folder();
  }

  @Test
  void zfsCannotRunHereAndSaysSo() {
    var zfs = StorageDrivers.all().getFirst();
    System.err.println("NOT RUN: the contract of the driver zfs; there is no ZFS here");

    assertThat(zfs.name()).isEqualTo("zfs");
    assertThat(zfs.probe(temp)).isInstanceOf(Probe.Unusable.class);
  }

  @ParameterizedTest
  @MethodSource("drivers")
  void onItsFileSystemItIsUsableAndTheProbeLeavesNothing(StorageDriver driver) throws Exception {
    var pool = home(driver);
    var before = names(pool);

    assertThat(driver.probe(pool)).isEqualTo(new Probe.Usable());
    assertThat(names(pool)).isEqualTo(before);
  }

  @ParameterizedTest
  @MethodSource("drivers")
  void whereItDoesNotWorkTheProbeSaysWhy(StorageDriver driver) throws Exception {
    var pool = driver.sharesBlocks() ? mounted("ext4") : temp.resolve("absent");
    var before = driver.sharesBlocks() ? names(pool) : List.of();

    assertThat(driver.probe(pool))
        .isInstanceOfSatisfying(
            Probe.Unusable.class, unusable -> assertThat(unusable.reason()).contains("" + pool));
    assertThat(driver.sharesBlocks() ? names(pool) : List.of()).isEqualTo(before);
  }

  @ParameterizedTest
  @MethodSource("drivers")
  void aCloneIsTheSnapshotWithModesOwnersAndLinks(StorageDriver driver) throws Exception {
    var pool = home(driver);
    var volume = pool.resolve("volume");
    driver.create(volume);
    var file = random(Files.createDirectory(volume.resolve("below")).resolve("file"), 100_000);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
    Files.setAttribute(file, "unix:uid", 4711);
    Files.setPosixFilePermissions(volume, PosixFilePermissions.fromString("rwx------"));
    Files.createSymbolicLink(volume.resolve("link"), Path.of("below/file"));

    driver.snapshot(volume, pool.resolve("snapshot"));
    driver.clone(pool.resolve("snapshot"), pool.resolve("clone"));

    var cloned = pool.resolve("clone/below/file");
    assertThat(cloned).hasSameBinaryContentAs(file);
    assertThat(Files.getAttribute(cloned, "unix:uid")).isEqualTo(4711);
    assertThat(Files.getPosixFilePermissions(cloned))
        .isEqualTo(PosixFilePermissions.fromString("rw-r-----"));
    assertThat(Files.getPosixFilePermissions(pool.resolve("clone")))
        .isEqualTo(PosixFilePermissions.fromString("rwx------"));
    assertThat(Files.readSymbolicLink(pool.resolve("clone/link"))).hasToString("below/file");
    assertThat(names(pool)).doesNotContain("snapshot.partial", "clone.partial");
  }

  @ParameterizedTest
  @MethodSource("drivers")
  void whatOneWritesNoOtherSees(StorageDriver driver) throws Exception {
    var pool = home(driver);
    snapshotOf(driver, pool, 2 * MIB);
    var original = Files.readAllBytes(pool.resolve("snapshot/file"));
    var one = pool.resolve("one");
    var two = pool.resolve("two");
    driver.clone(pool.resolve("snapshot"), one);
    driver.clone(pool.resolve("snapshot"), two);

    overwrite(one.resolve("file"), MIB, new byte[8192]);
    Files.writeString(one.resolve("new"), "one");
    Files.writeString(two.resolve("file"), "two");
    overwrite(pool.resolve("volume/file"), 0, new byte[8192]);

    assertThat(pool.resolve("snapshot/file")).hasBinaryContent(original);
    assertThat(pool.resolve("snapshot/new")).doesNotExist();
    assertThat(two.resolve("file")).hasContent("two");
    assertThat(two.resolve("new")).doesNotExist();
    var expected = original.clone();
    Arrays.fill(expected, MIB, MIB + 8192, (byte) 0);
    assertThat(one.resolve("file")).hasBinaryContent(expected);
    // A clone made afterwards is of the snapshot, not of what became of it elsewhere.
    driver.clone(pool.resolve("snapshot"), pool.resolve("later"));
    assertThat(pool.resolve("later/file")).hasBinaryContent(original);
  }

  @ParameterizedTest
  @MethodSource("drivers")
  void aSnapshotCannotBeWrittenByItsOwnerButItsClonesCan(StorageDriver driver) throws Exception {
    var pool = home(driver);
    var volume = pool.resolve("volume");
    driver.create(volume);
    Files.createDirectory(volume.resolve("data"));
    var nobody = 65534;
    for (var folder : List.of(temp, pool)) {
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
    for (var path : List.of(volume.resolve("data"), volume)) {
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwx------"));
      Files.setAttribute(path, "unix:uid", nobody);
    }
    driver.snapshot(volume, pool.resolve("snapshot"));
    driver.clone(pool.resolve("snapshot"), pool.resolve("clone"));

    for (var file : List.of("postmaster.pid", "data/postmaster.pid")) {
      assertThat(touch(nobody, pool.resolve("snapshot").resolve(file))).isFalse();
      assertThat(touch(nobody, pool.resolve("clone").resolve(file))).isTrue();
    }
  }

  @ParameterizedTest
  @MethodSource("drivers")
  void destroyingIsCompleteAndMayBeRepeated(StorageDriver driver) throws Exception {
    var pool = home(driver);
    var before = names(pool);
    snapshotOf(driver, pool, MIB);
    driver.clone(pool.resolve("snapshot"), pool.resolve("clone"));

    driver.destroy(pool.resolve("volume"));
    driver.destroy(pool.resolve("snapshot"));
    assertThat(pool.resolve("clone/file")).hasSize(MIB);
    driver.destroy(pool.resolve("clone"));
    driver.destroy(pool.resolve("clone"));
    driver.destroy(pool.resolve("never-there"));

    assertThat(names(pool)).isEqualTo(before);
  }

  @ParameterizedTest
  @MethodSource("drivers")
  void whatIsHalfMadeCanBeDestroyedAndIsInNobodysWay(StorageDriver driver) throws Exception {
    var pool = home(driver);
    var before = names(pool);
    snapshotOf(driver, pool, MIB);
    Files.createDirectories(pool.resolve("clone.partial/data"));
    Files.writeString(pool.resolve("clone.partial/data/file"), "half");
    Files.createDirectories(pool.resolve("plain/data"));

    driver.clone(pool.resolve("snapshot"), pool.resolve("clone"));
    driver.destroy(pool.resolve("plain"));
    driver.destroy(pool.resolve("clone.partial"));

    assertThat(pool.resolve("clone/data")).doesNotExist();
    for (var volume : List.of("clone", "snapshot", "volume")) {
      driver.destroy(pool.resolve(volume));
    }
    assertThat(names(pool)).isEqualTo(before);
  }

  @ParameterizedTest
  @MethodSource("drivers")
  void aVolumeThatIsThereIsNeverOverwritten(StorageDriver driver) throws Exception {
    var pool = home(driver);
    snapshotOf(driver, pool, MIB);
    driver.clone(pool.resolve("snapshot"), pool.resolve("clone"));
    Files.writeString(pool.resolve("clone/file"), "mine");
    var before = names(pool);

    assertFails(() -> driver.clone(pool.resolve("snapshot"), pool.resolve("clone")));
    assertFails(() -> driver.snapshot(pool.resolve("volume"), pool.resolve("snapshot")));
    assertFails(() -> driver.create(pool.resolve("volume")));

    assertThat(pool.resolve("clone/file")).hasContent("mine");
    assertThat(pool.resolve("clone/snapshot")).doesNotExist();
    assertThat(pool.resolve("volume/file")).hasSize(MIB);
    assertThat(names(pool)).isEqualTo(before);
  }

  @ParameterizedTest
  @MethodSource("drivers")
  void aSnapshotThatIsNotThereLeavesNothing(StorageDriver driver) throws Exception {
    var pool = home(driver);
    var before = names(pool);

    assertFails(() -> driver.clone(pool.resolve("snapshot"), pool.resolve("clone")));

    assertThat(names(pool)).isEqualTo(before);
  }

  @ParameterizedTest
  @MethodSource("drivers")
  void anInterruptedCloneLeavesNothing(StorageDriver driver) throws Exception {
    var pool = home(driver);
    snapshotOf(driver, pool, 16 * MIB);
    var before = names(pool);

    Thread.currentThread().interrupt();
    assertFails(() -> driver.clone(pool.resolve("snapshot"), pool.resolve("clone")));

    assertThat(Thread.interrupted()).isTrue();
    assertThat(names(pool)).isEqualTo(before);
  }

  @ParameterizedTest
  @MethodSource("drivers")
  void usageIsWhatDestroyingWouldFree(StorageDriver driver) throws Exception {
    var pool = home(driver);
    snapshotOf(driver, pool, 32 * MIB);
    var clone = pool.resolve("clone");
    driver.clone(pool.resolve("snapshot"), clone);

    var fresh = driver.usage(clone);
    overwrite(clone.resolve("file"), 4 * MIB, new byte[4 * MIB]);
    random(clone.resolve("new"), 2 * MIB);
    var written = driver.usage(clone);

    assertThat(fresh.totalBytes()).isBetween(32L * MIB, 33L * MIB);
    assertThat(written.totalBytes()).isBetween(34L * MIB, 35L * MIB);
    if (driver.sharesBlocks()) {
      assertThat(fresh.exclusiveBytes()).isLessThan(MIB / 4);
      assertThat(written.exclusiveBytes()).isBetween(6L * MIB, 7L * MIB);
    } else {
      assertThat(fresh.exclusiveBytes()).isEqualTo(fresh.totalBytes());
      assertThat(written.exclusiveBytes()).isEqualTo(written.totalBytes());
    }
  }

  /** The file system places it up to half a minute later. */
  @ParameterizedTest
  @MethodSource("drivers")
  void whatIsWrittenCountsAtOnce(StorageDriver driver) throws Exception {
    var pool = home(driver);
    snapshotOf(driver, pool, MIB);
    var clone = pool.resolve("clone");
    driver.clone(pool.resolve("snapshot"), clone);

    try (var file = new FileOutputStream(clone.resolve("new").toFile())) {
      for (long megabytes = 1; megabytes <= 8; megabytes++) {
        file.write(new byte[MIB]);
        assertThat(driver.usage(clone).exclusiveBytes()).isGreaterThanOrEqualTo(megabytes * MIB);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("drivers")
  void usageIsToldWhileFilesComeAndGo(StorageDriver driver) throws Exception {
    var pool = home(driver);
    snapshotOf(driver, pool, MIB);
    var clone = pool.resolve("clone");
    driver.clone(pool.resolve("snapshot"), clone);
    var stop = new AtomicBoolean();
    var churn = new CompletableFuture<Void>();
    Thread.ofPlatform()
        .start(
            () -> {
              try {
                while (!stop.get()) {
                  for (int i = 0; i < 10; i++) {
                    Files.writeString(clone.resolve("temporary" + i), "x");
                  }
                  for (int i = 0; i < 10; i++) {
                    Files.delete(clone.resolve("temporary" + i));
                  }
                }
                churn.complete(null);
              } catch (IOException e) {
                churn.completeExceptionally(e);
              }
            });
    try {
      for (int i = 0; i < 20; i++) {
        assertThat(driver.usage(clone).totalBytes()).isBetween((long) MIB, 2L * MIB);
      }
    } finally {
      stop.set(true);
      churn.join();
    }
  }

  @ParameterizedTest
  @MethodSource("drivers")
  void whatIsNotThereHasNoUsage(StorageDriver driver) throws Exception {
    var pool = home(driver);

    assertFails(() -> driver.usage(pool.resolve("never-there")));
  }

  @ParameterizedTest
  @MethodSource("drivers")
  void onAFullFileSystemACloneIsCompleteOrNotThere(StorageDriver driver) throws Exception {
    var pool = home(driver);
    snapshotOf(driver, pool, 16 * MIB);
    // So many files that on xfs the inodes alone need space.
    for (int i = 0; i < 2000; i++) {
      Files.writeString(pool.resolve("volume/" + i), "small");
    }
    driver.snapshot(pool.resolve("volume"), pool.resolve("many"));
    fill(pool);
    var before = names(pool);

    try {
      driver.clone(pool.resolve("many"), pool.resolve("clone"));
      // Sharing all, btrfs may have the few blocks that it needs.
      assertThat(driver.name()).isEqualTo("btrfs");
      assertThat(names(pool.resolve("clone"))).isEqualTo(names(pool.resolve("many")));
    } catch (CloneException e) {
      assertThat(e.failure())
          .isInstanceOfSatisfying(
              StorageFailed.class,
              failed -> assertThat(failed.message()).contains("No space left on device"));
      assertThat(names(pool)).isEqualTo(before);
    }
  }

  private static void snapshotOf(StorageDriver driver, Path pool, int bytes) throws Exception {
    driver.create(pool.resolve("volume"));
    random(pool.resolve("volume/file"), bytes);
    driver.snapshot(pool.resolve("volume"), pool.resolve("snapshot"));
  }

  private static Path random(Path file, int bytes) throws Exception {
    var content = new byte[bytes];
    new Random(42).nextBytes(content);
    Files.createFile(file);
    overwrite(file, 0, content);
    return file;
  }

  private static void overwrite(Path file, long position, byte[] content) throws Exception {
    try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(content), position);
      channel.force(true);
    }
  }

  private static void fill(Path pool) throws Exception {
    var block = new byte[64 * 1024];
    new Random(7).nextBytes(block);
    // The last blocks go one by one: a large write may fail where a small one still fits.
    for (int size = block.length; size >= 512; size /= 8) {
      try (var channel =
          FileChannel.open(
              pool.resolve("filler"),
              StandardOpenOption.CREATE,
              StandardOpenOption.APPEND,
              StandardOpenOption.SYNC)) {
        while (true) {
          channel.write(ByteBuffer.wrap(block, 0, size));
        }
      } catch (IOException e) {
        assertThat(e).hasMessageContaining("No space left");
      }
    }
  }

  private static boolean touch(int uid, Path file) throws Exception {
    return Command.of("setpriv", "--reuid=" + uid, "--clear-groups", "touch", file.toString())
        .run()
        .ok();
  }

  private static List<String> names(Path folder) throws Exception {
    try (var entries = Files.list(folder)) {
      return entries.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  private static void assertFails(ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            CloneException.class, e -> assertThat(e.failure()).isInstanceOf(StorageFailed.class));
  }
}
