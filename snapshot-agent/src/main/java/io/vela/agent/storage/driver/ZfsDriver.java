package io.vela.agent.storage.driver;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.Usage;
import io.vela.agent.exec.Programs;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.storage.StorageCommand;
import io.vela.agent.storage.StorageDriver;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Datasets of ZFS. The pool's folder is the mount point of a dataset; the volume {@code clones/x}
 * is the dataset {@code clones/x} below it, mounted there by inheritance.
 *
 * <p>In ZFS a clone depends on the snapshot that it was made from, and that on its dataset. So that
 * volumes are as independent as elsewhere, a new snapshot is promoted (zfs-promote(8)): it takes
 * the point in time over from its source; and before a dataset goes, one of the clones that stand
 * on it is.
 *
 * <p>Written from the OpenZFS manual and not yet run on ZFS; the test compares its commands.
 */
public final class ZfsDriver implements StorageDriver {
  /** What {@code zfs} says of a dataset that is not there. */
  private static final String ABSENT = "dataset does not exist";

  /** Runs one command. */
  @FunctionalInterface
  interface Zfs {
    /** Returns its stdout. */
    String run(List<String> argv) throws CloneException;
  }

  private final Zfs zfs;

  /** The dataset of each pool's folder: it cannot change while the pool is in use. */
  private final Map<Path, String> roots = new ConcurrentHashMap<>();

  /** A driver that runs {@code zfs}. */
  public ZfsDriver() {
    this(argv -> StorageCommand.run(argv, StorageCommand.QUICK));
  }

  ZfsDriver(Zfs zfs) {
    this.zfs = zfs;
  }

  @Override
  public String name() {
    return "zfs";
  }

  /** A dataset is moved by unmounting it, which waits for the disk as making one does. */
  @Override
  public boolean canMove() {
    return false;
  }

  @Override
  public Probe probe(Path pool) {
    if (Programs.find("zfs").isEmpty()) {
      return new Probe.Unusable("zfs is missing: install the package zfsutils-linux");
    }
    if (!ServiceUser.runningAsRoot()) {
      return new Probe.Unusable("only root may mount zfs datasets");
    }
    try {
      var mountPoint = zfs("list", "-H", "-o", "mountpoint", pool.toString());
      return mountPoint.equals(pool.toString())
          ? new Probe.Usable()
          : new Probe.Unusable(
              "%s is not the mount point of a dataset, which is %s".formatted(pool, mountPoint));
    } catch (CloneException e) {
      return new Probe.Unusable(e.failure().message());
    }
  }

  /**
   * A transaction group holds all that was written before it was closed, and nothing written later
   * (zfs(4), {@code zfs_txg_timeout}).
   */
  @Override
  public boolean flushesOnCommit(Path folder) {
    return true;
  }

  @Override
  public void create(Path volume) throws CloneException {
    zfs("create", "-p", dataset(volume));
  }

  @Override
  public void snapshot(Path source, Path target) throws CloneException {
    var point = "@" + target.getFileName();
    var partial = FileTree.partial(target);
    destroy(partial);
    zfs("snapshot", dataset(source) + point);
    try {
      zfs("clone", "-p", "-o", "readonly=on", dataset(source) + point, dataset(partial));
      zfs("promote", dataset(partial));
      zfs("rename", dataset(partial), dataset(target));
    } catch (CloneException e) {
      StorageCommand.cleanUp(e, () -> undo(partial, dataset(source) + point));
      throw e;
    }
  }

  /** Leaves the source as it was, whether the point in time has moved to the clone or not. */
  private void undo(Path partial, String point) throws CloneException {
    destroy(partial);
    if (exists(point)) {
      zfs("destroy", point);
    }
  }

  @Override
  public void clone(Path source, Path target) throws CloneException {
    try {
      zfs("clone", "-p", dataset(source) + "@" + source.getFileName(), dataset(target));
    } catch (CloneException e) {
      // Made, perhaps, but not mounted.
      StorageCommand.cleanUp(e, () -> destroy(target));
      throw e;
    }
  }

  @Override
  public void destroy(Path volume) throws CloneException {
    var dataset = dataset(volume);
    if (exists(dataset)) {
      for (var clone = standingOn(dataset); clone.isPresent(); clone = standingOn(dataset)) {
        zfs("promote", clone.get());
      }
      zfs("destroy", "-r", dataset);
    }
    // The mount point, or what was left there without a dataset.
    FileTree.delete(volume);
  }

  /** A clone of the newest of the dataset's points in time that has one. */
  private Optional<String> standingOn(String dataset) throws CloneException {
    return zfs(
            "list", "-H", "-d", "1", "-t", "snapshot", "-S", "createtxg", "-o", "clones", dataset)
        .lines()
        .map(String::strip)
        .filter(clones -> !clones.isEmpty() && !clones.equals("-"))
        .map(clones -> clones.split(",", 2)[0])
        .findFirst();
  }

  private boolean exists(String dataset) throws CloneException {
    try {
      zfs("list", "-H", "-t", "all", "-o", "name", dataset);
      return true;
    } catch (CloneException e) {
      if (e.failure() instanceof StorageFailed(var message, var detail)
          && (message + detail).contains(ABSENT)) {
        return false;
      }
      throw e;
    }
  }

  @Override
  public Usage usage(Path volume) throws CloneException {
    var line = zfs("list", "-H", "-p", "-o", "referenced,used", dataset(volume));
    var fields = line.split("\t", -1);
    return new Usage(Long.parseLong(fields[0]), Long.parseLong(fields[1]));
  }

  /** The dataset of a volume, which is two folders below the pool's. */
  private String dataset(Path volume) throws CloneException {
    var pool = volume.resolve("../..").normalize();
    var root = roots.get(pool);
    if (root == null) {
      root = zfs("list", "-H", "-o", "name", pool.toString());
      roots.put(pool, root);
    }
    return root + "/" + pool.relativize(volume);
  }

  private String zfs(String... words) throws CloneException {
    var argv = new ArrayList<>(List.of("zfs"));
    argv.addAll(List.of(words));
    return zfs.run(List.copyOf(argv)).strip();
  }
}
