package io.vela.agent.storage;

import static io.vela.agent.storage.LoopMount.must;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.PoolFull;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.CloneId;
import io.vela.agent.SnapshotId;
import io.vela.agent.Usage;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.storage.driver.CopyDriver;
import io.vela.config.Durability;
import io.vela.config.PoolConfig;
import io.vela.config.value.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PoolOpenerTest {
  private static final ByteSize RESERVE = ByteSize.parse("16MB");

  @TempDir Path temp;
  private final List<String> said = new ArrayList<>();
  private final List<Pool> opened = new ArrayList<>();
  private Path data = Path.of("");
  private final ServiceUser user;

  PoolOpenerTest() throws Exception {
    user = ServiceUser.resolve(said::add);
  }

  @BeforeEach
  void openTheTestsFolder() throws Exception {
    Files.setPosixFilePermissions(temp, PosixFilePermissions.fromString("rwxr-xr-x"));
    temp = temp.toRealPath();
    data = Files.createDirectory(temp.resolve("data"));
  }

  private void letGo() throws Exception {
    for (var pool : opened) {
      pool.close();
    }
    opened.clear();
  }

  /** Whatever a test left mounted below its folder, the newest first. */
  @AfterEach
  void unmount() throws Exception {
    letGo();
    for (var mount : Mounts.read().all().reversed()) {
      if (mount.folder().startsWith(temp)) {
        must(List.of("umount", mount.folder().toString()));
      }
    }
  }

  /** Opens the pool as the next Vela does when the one before has ended. */
  private Pool open(PoolConfig config) throws Exception {
    letGo();
    var pool = new PoolOpener(StorageDrivers.all(), user, said::add).open(config, data);
    opened.add(pool);
    return pool;
  }

  private static PoolConfig config(String driver) {
    return new PoolConfig(driver, Optional.empty(), ByteSize.parse("1GB"), RESERVE);
  }

  private static PoolConfig at(String driver, Path folder) {
    return new PoolConfig(driver, Optional.of(folder), ByteSize.parse("1GB"), RESERVE);
  }

  @Test
  void onBtrfsAutoIsBtrfs() throws Exception {
    var folder = LoopMount.make("btrfs", 320, temp).folder();

    var info = open(at("auto", folder.resolve("pool"))).info();

    assertThat(info.driver()).isEqualTo("btrfs");
    assertThat(info.sharesBlocks()).isTrue();
    assertThat(said).isEmpty();
  }

  @Test
  void aSecondOneIsRefusedWithTheHoldersName() throws Exception {
    var first = open(at("copy", data.resolve("pool")));
    var staged = first.createStaging("an import that is under way");
    var opener = new PoolOpener(StorageDrivers.all(), user, said::add);
    var other = Files.createDirectory(temp.resolve("other"));

    assertFails(
        () -> opener.open(at("copy", data.resolve("pool")), other),
        "another Vela works on the pool",
        "process " + ProcessHandle.current().pid(),
        "the data directory " + data);

    assertThat(staged).exists();
    first.own(7);
    first.close();
    var second = opener.open(at("copy", data.resolve("pool")), other);
    opened.add(second);
    assertThat(second.ownership().epoch()).isEqualTo(7);
    assertThat(second.ownership().owner()).contains(data.toString());
    for (var file : List.of("pool.id", "pool.lock")) {
      assertThat(Files.getPosixFilePermissions(data.resolve("pool").resolve(file)))
          .isEqualTo(PosixFilePermissions.fromString("rw-------"));
    }
  }

  @Test
  void whatIsBeingMadeIsKnownUntilItIsConfirmedOrGone() throws Exception {
    var pool = open(at("copy", data.resolve("pool")));
    var snapshot = SnapshotId.random();
    pool.freeze(pool.createStaging(snapshot.value()), snapshot);
    pool.destroy(pool.staging(snapshot.value()));
    var kept = CloneId.random();
    pool.createClone(snapshot, kept);
    var gone = CloneId.random();
    pool.destroy(pool.createClone(snapshot, gone));

    assertThat(pool.unconfirmed()).containsExactlyInAnyOrder(snapshot.value(), kept.value());
    pool.confirm(kept.value());
    assertThat(pool.unconfirmed()).containsExactly(snapshot.value());
  }

  @Test
  void onXfsAutoIsReflink() throws Exception {
    var folder = LoopMount.make("xfs", 320, temp).folder();

    var info = open(at("auto", folder.resolve("pool"))).info();

    assertThat(info.driver()).isEqualTo("reflink");
    assertThat(info.sharesBlocks()).isTrue();
    assertThat(said).isEmpty();
  }

  @Test
  void onExt4AutoAsRootIsBtrfsInASparseFileAndSaysSo() throws Exception {
    data = LoopMount.make("ext4", 900, temp).folder().resolve("data");

    var pool = open(config("auto"));

    var image = data.resolve("pool.btrfs");
    assertThat(pool.info().driver()).isEqualTo("btrfs");
    assertThat(pool.info().sharesBlocks()).isTrue();
    assertThat(pool.info().note()).contains(image.toString());
    assertThat(said).anyMatch(line -> line.contains(image.toString()) && line.contains("sparse"));
    // Not the 1 GB allowed: the host has not that much free.
    assertThat(Files.size(image)).isBetween(256L << 20, 900L << 20);
    assertThat(pool.info().freeBytes()).isLessThanOrEqualTo(image.toFile().getUsableSpace());
    assertThat(new CopyDriver().usage(image).totalBytes()).isLessThan(100 << 20);
    assertThat(data.toFile().list()).containsExactlyInAnyOrder("pool", "pool.btrfs");
  }

  @Test
  void aPoolInAFileIsFoundAgainWithItsDataAndWithoutASecondLoopDevice() throws Exception {
    data = LoopMount.make("ext4", 900, temp).folder().resolve("data");
    var first = open(config("auto"));
    var snapshot = SnapshotId.random();
    var clone = CloneId.random();
    Files.writeString(first.createStaging("import").resolve("file"), "kept");
    first.freeze(first.staging("import"), snapshot);
    first.createClone(snapshot, clone);

    // Still mounted, as after a restart of Vela.
    var second = open(config("auto"));
    assertThat(second.clones()).containsExactly(clone);
    assertThat(loopDevices()).hasSize(1);

    // Not mounted, as after a restart of the host.
    letGo();
    first.unmount();
    assertThat(loopDevices()).isEmpty();
    said.clear();
    var third = open(config("btrfs"));
    assertThat(third.snapshots()).containsExactly(snapshot);
    assertThat(third.clone(clone).resolve("file")).hasContent("kept");
    assertThat(loopDevices()).hasSize(1);
    assertThat(said).isEmpty();

    // Mounted by an earlier Vela: not this one's to unmount.
    second.unmount();
    assertThat(loopDevices()).hasSize(1);

    third.discardHalfMade(Set.of());
    assertThat(third.staging("import")).doesNotExist();
    assertThat(third.clones()).containsExactly(clone);
  }

  @Test
  void aPoolThatAnEarlierVelaMountedFlushesOnCommitToo() throws Exception {
    data = LoopMount.make("ext4", 900, temp).folder().resolve("data");
    var pool = open(config("auto"));
    var folder = data.resolve("pool");
    must(List.of("mount", "-o", "remount,noflushoncommit,commit=30", folder.toString()));
    var inPlace = pool.createStaging("in-place");
    must(List.of("chattr", "+C", inPlace.toString()));
    var copied = pool.createStaging("copied");
    assertThat(pool.kept(copied, Durability.RELAXED)).isEqualTo(Durability.FULL);

    var again = open(config("auto"));

    assertThat(MountOptions.of(folder)).contains("flushoncommit", "commit=5");
    assertThat(again.kept(copied, Durability.RELAXED)).isEqualTo(Durability.RELAXED);
    assertThat(again.kept(inPlace, Durability.RELAXED)).isEqualTo(Durability.FULL);
    assertThat(again.kept(inPlace, Durability.NONE)).isEqualTo(Durability.NONE);
  }

  /** Or whoever writes fast takes all of a pool for data, and it can then only be read. */
  @Test
  void aPoolInAFileHasRoomForMetadataFromTheStart() throws Exception {
    data = LoopMount.make("ext4", 900, temp).folder().resolve("data");
    var _ = open(config("auto"));
    var folder = data.resolve("pool");

    assertThat(BtrfsAllocation.of(folder).metadataBytes()).isGreaterThanOrEqualTo(48L << 20);
    assertThat(MountOptions.of(folder)).contains("metadata_ratio=16");
  }

  private static void assertRestricted(Path folder) throws Exception {
    assertThat(Mounts.read().at(folder).orElseThrow().attributes())
        .contains("nosuid", "nodev", "noexec", "noatime");
    assertThat(MountOptions.of(folder)).contains("flushoncommit", "commit=5");
  }

  @Test
  void nothingInAPoolInAFileIsRunByTheHostHoweverItCameToBeMounted() throws Exception {
    data = LoopMount.make("ext4", 900, temp).folder().resolve("data");
    var pool = open(config("auto"));
    var folder = data.resolve("pool");
    assertRestricted(folder);
    var program = Files.copy(Path.of("/bin/true"), pool.createStaging("import").resolve("true"));
    assertThatThrownBy(() -> new ProcessBuilder(program.toString()).start().waitFor())
        .isInstanceOf(IOException.class)
        .hasMessageContaining("Permission denied");

    // By an earlier Vela, and seen at a second place.
    var elsewhere = Files.createDirectory(temp.resolve("elsewhere")).toRealPath();
    must(List.of("mount", "-o", "remount,bind,suid,dev,exec,relatime", folder.toString()));
    must(List.of("mount", "--bind", folder.toString(), elsewhere.toString()));
    try {
      letGo();
      var again = open(config("auto"));
      assertRestricted(folder);
      assertRestricted(elsewhere);

      // As after the host's disk had run full.
      again.mountAnew();
      assertRestricted(folder);
      assertRestricted(elsewhere);
    } finally {
      must(List.of("umount", elsewhere.toString()));
    }
  }

  @Test
  void aLoopDeviceThatIsThereIsUsedAgain() throws Exception {
    data = LoopMount.make("ext4", 900, temp).folder().resolve("data");
    open(config("btrfs")).unmount();
    var device =
        must(List.of("losetup", "--find", "--show", "" + data.resolve("pool.btrfs"))).strip();
    try {
      var pool = open(config("btrfs"));

      assertThat(loopDevices()).containsExactly(device);
      pool.unmount();
    } finally {
      must(List.of("losetup", "--detach", device));
    }
  }

  @Test
  void aPoolWhoseFileWasDeletedIsNotUsedOn() throws Exception {
    data = LoopMount.make("ext4", 900, temp).folder().resolve("data");
    open(config("auto")).createStaging("lost");
    Files.delete(data.resolve("pool.btrfs"));

    var pool = open(config("auto"));

    assertThat(pool.staging("lost")).doesNotExist();
    assertThat(data.resolve("pool.btrfs")).exists();
    assertThat(said).anyMatch(line -> line.contains("deleted"));
  }

  @Test
  void aFileThatIsNoPoolIsAnErrorThatNamesIt() throws Exception {
    LoopMount.requireRoot("a pool in a file");
    Files.write(data.resolve("pool.btrfs"), new byte[100_000]);

    assertFails(() -> open(config("auto")), data.resolve("pool.btrfs") + " holds no btrfs");
  }

  @Test
  void aFolderWithFilesIsNotHiddenByAMount() throws Exception {
    LoopMount.requireRoot("a pool in a file");
    Files.createDirectories(data.resolve("pool/clones"));

    assertFails(() -> open(config("btrfs")), "holds files already");
    assertThat(open(config("auto")).info().driver()).isEqualTo("copy");
    assertThat(said).anyMatch(line -> line.contains("holds files already"));
    assertThat(data.resolve("pool.btrfs")).doesNotExist();
  }

  @Test
  void tooLittleSpaceForAPoolInAFileIsAnErrorAndLeavesNothing() throws Exception {
    data = LoopMount.make("ext4", 200, temp).folder().resolve("data");

    assertFails(() -> open(config("btrfs")), "needs at least 256MB");
    assertThat(data.resolve("pool.btrfs")).doesNotExist();
  }

  @Test
  void aDriverThatWasAskedForButDoesNotWorkIsAnErrorWithTheReason() throws Exception {
    data = LoopMount.make("ext4", 320, temp).folder();

    assertFails(() -> open(config("reflink")), "reflink does not work", "not supported");
    assertFails(() -> open(config("zfs")), "zfs does not work", "zfs");
  }

  @Test
  void aDriverThatIsNotRegisteredIsAnErrorThatNamesThoseThatAre() {
    var opener = new PoolOpener(List.of(new CopyDriver()), user, said::add);

    assertFails(() -> opener.open(config("zfs"), data), "no storage driver zfs", "auto, copy");
  }

  @Test
  void copyIsLoudAboutWhatItCosts() throws Exception {
    var info = open(config("copy")).info();

    assertThat(info.driver()).isEqualTo("copy");
    assertThat(info.sharesBlocks()).isFalse();
    assertThat(info.note()).contains("full copy");
    assertThat(said).anyMatch(line -> line.startsWith("WARNING") && line.contains("full copy"));
  }

  @Test
  void aDriverThatCopiesAlthoughItSaysThatItSharesIsRefused() throws Exception {
    var opener = new PoolOpener(List.of(new LyingDriver()), user, said::add);

    for (var asked : List.of("auto", "reflink")) {
      assertFails(
          () -> opener.open(config(asked), data), "the storage driver reflink copies", "no blocks");
    }
    assertThat(data.resolve("pool/staging").toFile().list()).isEmpty();
  }

  @Test
  void belowTheReserveNothingIsWritten() throws Exception {
    var folder = LoopMount.make("btrfs", 320, temp).folder();
    var pool = open(at("btrfs", folder));
    var snapshot = SnapshotId.random();
    pool.freeze(pool.createStaging("import"), snapshot);
    var tight =
        new PoolConfig("btrfs", Optional.of(folder), ByteSize.parse("1GB"), ByteSize.parse("1GB"));

    var full = open(tight);

    assertFull(full::requireSpace);
    assertFull(() -> full.createClone(snapshot, CloneId.random()));
    assertFull(() -> full.createStaging("more"));
    assertFull(() -> full.freeze(full.staging("import"), SnapshotId.random()));
    assertThat(full.clones()).isEmpty();
    assertThat(full.snapshots()).containsExactly(snapshot);
    assertThat(full.staging("more")).doesNotExist();
  }

  @Test
  void aCopyThatWouldGoBelowTheReserveIsNotBegun() throws Exception {
    var folder = LoopMount.make("ext4", 100, temp).folder();
    var pool = open(at("copy", folder));
    var file = pool.createStaging("import").resolve("file");
    must(List.of("fallocate", "--length", "30MiB", file.toString()));
    var snapshot = SnapshotId.random();
    pool.freeze(pool.staging("import"), snapshot);

    assertFull(() -> pool.createClone(snapshot, CloneId.random()));
    assertThat(folder.resolve("clones").toFile().list()).isEmpty();
  }

  @Test
  void aNearlyFullPoolStillOpens() throws Exception {
    var folder = LoopMount.make("xfs", 320, temp).folder();
    open(at("reflink", folder));
    long free = folder.toFile().getUsableSpace() - (20 << 20);
    must(List.of("fallocate", "--length", "" + free, "" + folder.resolve("filler")));

    var info = open(at("reflink", folder)).info();

    assertThat(info.sharesBlocks()).isFalse();
    assertThat(info.note()).contains("too full to measure");
  }

  @Test
  void volumesAreTheServiceUsersAndTheirFoldersLetItThrough() throws Exception {
    var pool = open(config("copy"));
    var volume = pool.createStaging("import");

    assertThat(Files.getAttribute(volume, "unix:uid")).isEqualTo((int) user.uid());
    assertThat(Files.getPosixFilePermissions(volume))
        .isEqualTo(PosixFilePermissions.fromString("rwx------"));
    assertThat(asUser("touch", "" + volume.resolve("file"))).isTrue();
  }

  @Test
  void belowAClosedFolderTheServiceUserGetsAWayOfItsOwn() throws Exception {
    LoopMount.requireRoot("a data directory below a closed home");
    var home = Files.createDirectory(temp.resolve("home"));
    Files.setPosixFilePermissions(home, PosixFilePermissions.fromString("rwx------"));
    data = home.resolve(".vela");
    var reachable = new ReachablePath(user, said::add);
    try {
      var way = reachable.reachable(data);
      assertThat(way).startsWith(Path.of("/run/vela"));
      assertThat(Files.isSameFile(way, data)).isTrue();
      assertThat(said).anyMatch(line -> line.contains(data.toString()));
      said.clear();
      assertThat(reachable.reachable(data)).isEqualTo(way);
      assertThat(reachable.reachable(way)).isEqualTo(way);
      assertThat(said).isEmpty();

      var pool = new PoolOpener(StorageDrivers.all(), user, said::add).open(config("auto"), way);
      try {
        assertThat(pool.info().driver()).isEqualTo("btrfs");
        assertThat(pool.root()).isEqualTo(way.resolve("pool"));
        var file = pool.createStaging("import").resolve("file");
        assertThat(asUser("touch", file.toString())).isTrue();
      } finally {
        pool.unmount();
      }
    } finally {
      reachable.release(data);
    }
    assertThat(Mounts.read().all()).noneMatch(mount -> mount.source().contains("" + home));
  }

  @Test
  void aFolderThatWasDeletedAndMadeAnewIsTheOneThatIsReached() throws Exception {
    LoopMount.requireRoot("a data directory below a closed home");
    var home = Files.createDirectory(temp.resolve("home"));
    Files.setPosixFilePermissions(home, PosixFilePermissions.fromString("rwx------"));
    data = home.resolve(".vela");
    var reachable = new ReachablePath(user, said::add);
    try {
      var way = reachable.reachable(data);
      Files.delete(data);
      Files.createDirectory(data);

      assertThat(reachable.reachable(data)).isEqualTo(way);
      assertThat(Files.isSameFile(way, data)).isTrue();
    } finally {
      reachable.release(data);
    }
  }

  private boolean asUser(String... argv) throws Exception {
    return Command.of(user.wrap(List.of(argv))).run().ok();
  }

  private List<String> loopDevices() throws Exception {
    return must(List.of(
            "losetup",
            "--associated",
            data.resolve("pool.btrfs").toString(),
            "--noheadings",
            "--output",
            "NAME"))
        .lines()
        .map(String::strip)
        .toList();
  }

  private static void assertFails(ThrowingCallable call, String... parts) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            CloneException.class,
            e ->
                assertThat(e.failure())
                    .isInstanceOfSatisfying(
                        StorageFailed.class, f -> assertThat(f.message()).contains(parts)));
  }

  private static void assertFull(ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            CloneException.class, e -> assertThat(e.failure()).isInstanceOf(PoolFull.class));
  }

  /** Copies, and says that it shares. */
  private static final class LyingDriver implements StorageDriver {
    private final CopyDriver copy = new CopyDriver();

    @Override
    public String name() {
      return "reflink";
    }

    @Override
    public Probe probe(Path pool) {
      return copy.probe(pool);
    }

    @Override
    public void create(Path volume) throws CloneException {
      copy.create(volume);
    }

    @Override
    public void snapshot(Path source, Path target) throws CloneException {
      copy.snapshot(source, target);
    }

    @Override
    public void clone(Path source, Path target) throws CloneException {
      copy.clone(source, target);
    }

    @Override
    public void destroy(Path volume) throws CloneException {
      copy.destroy(volume);
    }

    @Override
    public Usage usage(Path volume) throws CloneException {
      return copy.usage(volume);
    }
  }
}
