package io.vela.agent.storage;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.exec.DebianPackages;
import io.vela.config.value.ByteSize;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A btrfs file system in a sparse file, for hosts whose own file system cannot copy on write. It
 * takes on the host what is written to it, and gives back what is deleted ({@code discard}).
 *
 * <p>Making and mounting it needs root.
 */
final class LoopImage {
  /** Below this btrfs cannot work well. */
  private static final ByteSize SMALLEST = ByteSize.parse("256MB");

  private static final Logger log = LoggerFactory.getLogger(LoopImage.class);
  private static final long MIB = 1 << 20;

  /** Where btrfs keeps its magic number: at byte 64 of the super block, which is at 64 KiB. */
  private static final long MAGIC_AT = 0x10040;

  private static final String MAGIC = "_BHRfS_M";

  /**
   * With each commit, every five seconds, the disk gets all that was written before: what the
   * branches' durability {@code relaxed} stands on.
   */
  private static final String DURABILITY = "discard=async,flushoncommit,commit=5";

  /** What is in a volume is data: Postgres runs nothing of it, and no more may the host. */
  private static final List<String> FLAGS = List.of("nosuid", "nodev", "noexec", "noatime");

  /**
   * After so many chunks for data btrfs makes one for metadata (btrfs(5)). It does so by itself
   * when metadata runs short, but who writes gigabytes within seconds takes all chunks before.
   */
  private static final String METADATA_RATIO = "metadata_ratio=16";

  /** What {@code mkfs.btrfs} makes for metadata is less, and is used up by some gigabytes. */
  private static final long LEAST_METADATA = 16 * MIB;

  private static final String OPTIONS =
      String.join(",", FLAGS) + "," + DURABILITY + "," + METADATA_RATIO;

  private static final Path BLOCK_DEVICES = Path.of("/sys/block");

  private final Path file;
  private final Path folder;
  private final Consumer<String> say;

  /** Where it is to be mounted anew; kept while that has not succeeded. */
  private List<Path> places = List.of();

  /**
   * @param folder where it is mounted; the file stands beside it
   */
  LoopImage(Path folder, Consumer<String> say) {
    this.file = folder.resolveSibling(folder.getFileName() + ".btrfs");
    this.folder = folder;
    this.say = say;
  }

  Path file() {
    return file;
  }

  boolean exists() {
    return Files.exists(file);
  }

  /**
   * Makes the file with an empty file system: as large as allowed, but never larger than what the
   * host has free now, so that its size is no lie from the start. Later the host may fill up all
   * the same, so the pool's free space is the smaller of both.
   *
   * @param largest the most it may grow to
   */
  void make(ByteSize largest) throws CloneException, InterruptedException {
    new DebianPackages(say).ensure("mkfs.btrfs", "btrfs-progs");
    long free = file.resolveSibling(".").toFile().getUsableSpace();
    long size = Math.min(largest.bytes(), free) / MIB * MIB;
    if (size < SMALLEST.bytes()) {
      throw failed(
          "a loop-backed btrfs pool needs at least %s; allowed are %s, free are %s"
              .formatted(SMALLEST, largest, new ByteSize(free)));
    }
    say.accept(
        "making %s: a sparse file of at most %s with btrfs, mounted at %s"
            .formatted(file, new ByteSize(size), folder));
    // Under another name until it is a file system: what has the name is whole.
    var unfinished = file.resolveSibling(file.getFileName() + ".partial");
    try {
      Files.deleteIfExists(unfinished);
      try (var image = new RandomAccessFile(unfinished.toFile(), "rw")) {
        image.setLength(size);
      }
      Files.setPosixFilePermissions(unfinished, PosixFilePermissions.fromString("rw-------"));
      // Metadata once, not twice: both would be in one file on one disk. No discard of what is
      // sparse already.
      StorageCommand.run(
          "mkfs.btrfs",
          "--quiet",
          "--nodiscard",
          "--label",
          "vela",
          "--metadata",
          "single",
          "--data",
          "single",
          unfinished.toString());
      Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw failed("%s could not be made: %s".formatted(file, e), e);
    } finally {
      unfinished.toFile().delete();
    }
  }

  /** Removes a file that could not be mounted, so that no later start takes it for a pool. */
  void remove() throws CloneException {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw failed("%s could not be removed: %s".formatted(file, e), e);
    }
  }

  /**
   * Mounts it unless it is mounted.
   *
   * @return whether it was mounted now
   */
  boolean mount() throws CloneException {
    try {
      if (!isBtrfs()) {
        throw failed(
            file + " holds no btrfs file system; move it away, then Vela makes a new pool");
      }
      var devices = devices();
      var mounted = Mounts.read().at(folder);
      if (mounted.isPresent()) {
        if (devices.contains(mounted.get().source())) {
          if (!mounted.get().options().containsAll(List.of("flushoncommit", METADATA_RATIO))) {
            // By an earlier Vela.
            StorageCommand.run("mount", "-o", "remount," + OPTIONS, folder.toString());
          }
          restrict();
          reserveMetadata();
          return false;
        }
        throw failed(
            "%s is mounted at %s, where %s belongs"
                .formatted(mounted.get().source(), folder, file));
      }
      Files.createDirectories(folder);
      if (!isEmpty(folder)) {
        throw failed(
            "%s holds files, which %s would hide; move one of them away".formatted(folder, file));
      }
      if (devices.isEmpty()) {
        StorageCommand.run(
            "mount", "-t", "btrfs", "-o", "loop," + OPTIONS, file.toString(), folder.toString());
      } else {
        // A second loop device on the same file would be a second, unaware writer.
        StorageCommand.run(
            "mount", "-t", "btrfs", "-o", OPTIONS, devices.getFirst(), folder.toString());
      }
      bypassHostCache();
      reserveMetadata();
      return true;
    } catch (IOException e) {
      throw failed("%s could not be mounted: %s".formatted(file, e), e);
    }
  }

  /**
   * Has the first chunk for metadata replaced by one of the usual size, up to 1 GiB. A file system
   * with room for data and none for metadata can only be read, and the host's disk is no fuller by
   * it: the file is sparse.
   */
  private void reserveMetadata() throws CloneException {
    try {
      if (BtrfsAllocation.of(folder).metadataBytes() < LEAST_METADATA) {
        StorageCommand.run("btrfs", "balance", "start", "-m", folder.toString());
      }
    } catch (IOException e) {
      log.warn("room for metadata not known folder={}", folder, e);
    } catch (CloneException e) {
      if (Thread.currentThread().isInterrupted()) {
        throw e;
      }
      // An earlier Vela's, and nearly full. It works as it did.
      log.warn("no room for metadata reserved cause=\"{}\"", e.failure().message());
    }
  }

  /** Flags are of a mount and not of the file system: each place where it is seen needs them. */
  private void restrict() throws IOException, CloneException {
    for (var mount : mounts()) {
      if (!mount.attributes().containsAll(FLAGS)) {
        StorageCommand.run(
            "mount", "-o", "remount,bind," + String.join(",", FLAGS), mount.folder().toString());
      }
    }
  }

  /**
   * Lets the loop device read and write the file past the host's page cache, which would hold a
   * second copy of everything and make each flush write all that others left in it. Where the
   * host's file system cannot do that, it works all the same.
   */
  private void bypassHostCache() throws CloneException {
    for (var device : devices()) {
      try {
        StorageCommand.run("losetup", "--direct-io=on", device);
      } catch (CloneException e) {
        log.info("loop device not in direct mode device={} cause=\"{}\"", device, e.getMessage());
      }
    }
  }

  /** Room on the file's own file system. The file is sparse: without it nothing can be written. */
  long hostFreeBytes() {
    return file.toFile().getUsableSpace();
  }

  /**
   * Ends every mount of the file system and mounts it anew, at all places where it was. After an
   * error of its disk btrfs can only be read until it has been unmounted everywhere.
   *
   * @throws CloneException when something still uses it, or when it cannot be mounted
   */
  void mountAnew() throws CloneException {
    try {
      var seen = mounts();
      if (!seen.isEmpty()) {
        places = seen.stream().map(Mounts.Mount::folder).distinct().toList();
      }
      for (var mounted = mounts(); !mounted.isEmpty(); mounted = mounts()) {
        StorageCommand.run("umount", mounted.getLast().folder().toString());
      }
      mount();
      for (var place : places) {
        // Where mounts are shared, the first has brought the others with it.
        if (Mounts.read().at(place).isEmpty()) {
          StorageCommand.run("mount", "--bind", folder.toString(), place.toString());
        }
      }
      restrict();
    } catch (IOException e) {
      throw failed("%s could not be mounted anew: %s".formatted(file, e), e);
    }
  }

  /** Whether what is seen at the folder is this file system. */
  boolean isMounted() {
    try {
      return Mounts.read().at(folder).isPresent();
    } catch (IOException e) {
      log.warn("mounts not read", e);
      return true;
    }
  }

  private List<Mounts.Mount> mounts() throws IOException, CloneException {
    var devices = devices();
    return Mounts.read().all().stream().filter(mount -> devices.contains(mount.source())).toList();
  }

  /** Ends the mount; the kernel lets go of the loop device with it. */
  void unmount() throws CloneException {
    StorageCommand.run("umount", folder.toString());
  }

  /**
   * Ends a mount whose file was deleted: it works until the next boot, and then everything in it is
   * gone.
   */
  void dropDeleted() throws CloneException {
    try {
      var mounted = Mounts.read().at(folder);
      if (mounted.isEmpty() || !mounted.get().source().startsWith("/dev/loop")) {
        return;
      }
      var device = Path.of(mounted.get().source()).getFileName();
      var backing = BLOCK_DEVICES.resolve(device).resolve("loop/backing_file");
      if (Files.exists(backing) && Files.readString(backing).strip().endsWith(" (deleted)")) {
        say.accept("unmounting " + folder + ": the file behind it was deleted");
        unmount();
      }
    } catch (IOException e) {
      throw failed("what is mounted at %s could not be found out: %s".formatted(folder, e), e);
    }
  }

  private List<String> devices() throws CloneException {
    return StorageCommand.run(
            "losetup", "--associated", file.toString(), "--noheadings", "--output", "NAME")
        .lines()
        .map(String::strip)
        .filter(line -> !line.isEmpty())
        .toList();
  }

  private boolean isBtrfs() throws IOException {
    try (var image = new RandomAccessFile(file.toFile(), "r")) {
      var magic = new byte[MAGIC.length()];
      if (image.length() < MAGIC_AT + magic.length) {
        return false;
      }
      image.seek(MAGIC_AT);
      image.readFully(magic);
      return MAGIC.equals(new String(magic, StandardCharsets.US_ASCII));
    }
  }

  static boolean isEmpty(Path folder) throws IOException {
    try (var entries = Files.newDirectoryStream(folder)) {
      return !entries.iterator().hasNext();
    }
  }

  private static CloneException failed(String message) {
    return new CloneException(new StorageFailed(message, ""));
  }

  private static CloneException failed(String message, IOException cause) {
    return new CloneException(new StorageFailed(message, ""), cause);
  }
}
