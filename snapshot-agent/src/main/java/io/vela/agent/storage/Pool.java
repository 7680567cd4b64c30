package io.vela.agent.storage;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.NoSuchSnapshot;
import io.vela.agent.CloneFailure.PoolFull;
import io.vela.agent.CloneFailure.PoolNotWritable;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.CloneId;
import io.vela.agent.PoolHealth;
import io.vela.agent.PoolInfo;
import io.vela.agent.PoolOwnership;
import io.vela.agent.SnapshotId;
import io.vela.agent.Usage;
import io.vela.agent.exec.ServiceUser;
import io.vela.config.Durability;
import io.vela.config.value.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The open pool: {@code snapshots/<id>}, {@code clones/<id>}, {@code staging/<name>} and spare
 * clones of one driver. Volumes are folders of the service user with mode 0700; a folder with any
 * other name than an id is no volume.
 *
 * <p>Safe for use from several threads, each on volumes of its own. Methods block.
 */
public final class Pool implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Pool.class);
  private static final String SNAPSHOTS = "snapshots";
  private static final String CLONES = "clones";
  private static final String STAGING = "staging";
  private static final String SPARES = "spares";

  private final Path root;
  private final StorageDriver driver;
  private final ServiceUser user;
  private final ByteSize reserve;
  private final Opened opened;
  private final PoolOwner owner;
  private final UnconfirmedVolumes unconfirmed;
  private final WriteProbe probe;
  private final SpareClones spares = new SpareClones(new SpareMaker());
  private volatile PoolHealth health = PoolHealth.GOOD;

  /**
   * What opening found out.
   *
   * @param sharesBlocks whether clones were measured to share blocks
   * @param note for a person
   * @param image the loop-backed file behind the pool, when there is one
   * @param mounted whether opening mounted it
   */
  record Opened(boolean sharesBlocks, String note, Optional<LoopImage> image, boolean mounted) {}

  Pool(
      Path root,
      StorageDriver driver,
      ServiceUser user,
      ByteSize reserve,
      Opened opened,
      PoolOwner owner) {
    this.root = root;
    this.driver = driver;
    this.user = user;
    this.reserve = reserve;
    this.opened = opened;
    this.owner = owner;
    this.unconfirmed = new UnconfirmedVolumes(root);
    this.probe = new WriteProbe(root);
  }

  /**
   * Makes the pool's own folders. Snapshots and clones are for Vela alone: an instance sees its
   * clone by a mount of its own. The pool's root keeps its mode: it may be a folder of other uses
   * too.
   */
  static void prepare(Path root) throws IOException {
    for (var kind :
        List.of(
            root.resolve(SNAPSHOTS), root.resolve(CLONES), root.resolve(SPARES), staging(root))) {
      Files.createDirectories(kind);
    }
    for (var kind : List.of(root.resolve(SNAPSHOTS), root.resolve(CLONES), root.resolve(SPARES))) {
      Files.setPosixFilePermissions(kind, PosixFilePermissions.fromString("rwx------"));
    }
    // What prepares data runs as the service user, which enters volumes there by their path.
    Files.setPosixFilePermissions(staging(root), PosixFilePermissions.fromString("rwx--x--x"));
    new UnconfirmedVolumes(root).prepare();
  }

  /** Whose the pool is. */
  public PoolOwnership ownership() throws CloneException {
    return owner.read();
  }

  /** Writes down that this Vela has taken the pool over. */
  public void own(long epoch) throws CloneException {
    owner.own(epoch);
  }

  /** The ids of volumes that were being made and were never confirmed. */
  public Set<String> unconfirmed() throws CloneException {
    try {
      return unconfirmed.all();
    } catch (IOException e) {
      throw failed("the pool cannot be read: " + e, e);
    }
  }

  /** The catalogue has a row of that volume, or the volume has gone. Idempotent. */
  public void confirm(String id) throws CloneException {
    try {
      unconfirmed.end(id);
    } catch (IOException e) {
      throw failed("the pool cannot be written: " + e, e);
    }
  }

  private void begin(String id) throws CloneException {
    try {
      unconfirmed.begin(id);
    } catch (IOException e) {
      throw failed("the pool cannot be written: " + e, e);
    }
  }

  static Path staging(Path root) {
    return root.resolve(STAGING);
  }

  /** The pool's folder, by a path that the service user can reach. */
  public Path root() {
    return root;
  }

  /** The driver in use. */
  public StorageDriver driver() {
    return driver;
  }

  /** The pool as it is now. */
  public PoolInfo info() {
    return new PoolInfo(
        driver.name(),
        opened.sharesBlocks(),
        root.toFile().getTotalSpace(),
        freeBytes(),
        opened.note(),
        health);
  }

  /** Of a pool in a file, its host's free space counts as well: the file is sparse. */
  private long freeBytes() {
    long host = opened.image().map(LoopImage::hostFreeBytes).orElse(Long.MAX_VALUE);
    long own = root.toFile().getUsableSpace() - pendingBytes();
    return Math.max(0, Math.min(host, own));
  }

  /** Where the driver cannot tell, for want of {@code /sys}, what is placed alone counts. */
  private long pendingBytes() {
    try {
      return driver.pendingBytes(root);
    } catch (CloneException e) {
      log.debug("pending bytes not known", e);
      return 0;
    }
  }

  /**
   * Looks whether the pool can be written, and what is missing. Not for the way of a client: it
   * waits for the disk.
   */
  public PoolHealth look() {
    // The folder under a mount can be written too, and is not the pool.
    var problem =
        opened.image().filter(image -> !image.isMounted()).isPresent()
            ? Optional.of("it is not mounted")
            : probe.problem();
    long free = freeBytes();
    if (problem.isPresent()) {
      health =
          new PoolHealth(
              false, "the pool cannot be written (%s)%s".formatted(problem.get(), wanting(free)));
    } else {
      health = new PoolHealth(true, free < 2 * reserve.bytes() ? "the pool" + wanting(free) : "");
    }
    return health;
  }

  private String wanting(long free) {
    var where =
        opened
            .image()
            .filter(image -> image.hostFreeBytes() <= free)
            .map(image -> " the disk of the host on which " + image.file() + " is")
            .orElse("");
    return free < 2 * reserve.bytes()
        ? "%s has %s free of %s kept in reserve"
            .formatted(
                where.isEmpty() ? "" : ":" + where,
                new ByteSize(free),
                new ByteSize(reserve.bytes()))
        : "";
  }

  /**
   * Whether a pool that cannot be written may come back by {@link #mountAnew}: it is in a file, and
   * the file's disk has room again.
   */
  public boolean canBeMountedAnew() {
    return ServiceUser.runningAsRoot()
        && opened.image().filter(image -> image.hostFreeBytes() >= reserve.bytes()).isPresent();
  }

  /**
   * Unmounts a pool in a file and mounts it again, after an error of its disk has made it readable
   * only. Only while no instance runs and nothing is being made.
   *
   * @throws CloneException when something uses it, or when it cannot be written afterwards
   */
  public void mountAnew() throws CloneException {
    spares.whileNoneIsMade(this::unmountAndMount);
    if (!look().writable()) {
      throw new CloneException(new PoolNotWritable(health.problem()));
    }
  }

  private void unmountAndMount() throws CloneException {
    owner.close();
    try {
      opened.image().orElseThrow().mountAnew();
      owner.lock();
    } catch (IOException e) {
      throw failed("the pool cannot be taken again: " + e, e);
    }
  }

  /**
   * Checks that an instance may run: the pool can be written, and a quarter of the reserve is left.
   *
   * @throws CloneException with {@link PoolNotWritable} or {@link PoolFull}
   */
  public void requireRoomToRun() throws CloneException {
    long free = freeBytes();
    if (free < reserve.bytes() / 4) {
      throw new CloneException(new PoolFull(free, reserve.bytes()));
    }
    if (!health.writable()) {
      throw new CloneException(new PoolNotWritable(health.problem()));
    }
  }

  /**
   * Checks that there is room for something new.
   *
   * @throws CloneException with {@link PoolFull}
   */
  public void requireSpace() throws CloneException {
    requireSpace(0);
  }

  /** What is missing when writers are to stop: less than half of the reserve is left. */
  public Optional<PoolFull> shortage() {
    long free = freeBytes();
    return free < reserve.bytes() / 2
        ? Optional.of(new PoolFull(free, reserve.bytes()))
        : Optional.empty();
  }

  private void requireSpace(long needed) throws CloneException {
    long free = freeBytes();
    if (free - needed < reserve.bytes()) {
      throw new CloneException(new PoolFull(free, reserve.bytes()));
    }
    if (!health.writable()) {
      throw new CloneException(new PoolNotWritable(health.problem()));
    }
  }

  /** Where that snapshot is, whether it exists or not. */
  public Path snapshot(SnapshotId id) {
    return root.resolve(SNAPSHOTS).resolve(id.value());
  }

  /** Where that clone is, whether it exists or not. */
  public Path clone(CloneId id) {
    return root.resolve(CLONES).resolve(id.value());
  }

  /** Where the volume of that name is while it is being prepared, whether it exists or not. */
  public Path staging(String name) {
    return staging(root).resolve(name);
  }

  /** The complete snapshots. */
  public List<SnapshotId> snapshots() throws CloneException {
    return ids(SNAPSHOTS, SnapshotId::new);
  }

  /** The complete clones. */
  public List<CloneId> clones() throws CloneException {
    return ids(CLONES, CloneId::new);
  }

  private <I> List<I> ids(String kind, Function<String, I> parse) throws CloneException {
    var found = new ArrayList<I>();
    for (var volume : entries(kind)) {
      try {
        found.add(parse.apply(volume.getFileName().toString()));
      } catch (IllegalArgumentException e) {
        // Half made, half removed, or not ours.
      }
    }
    return List.copyOf(found);
  }

  private List<Path> entries(String kind) throws CloneException {
    try (var entries = Files.newDirectoryStream(root.resolve(kind))) {
      var found = new ArrayList<Path>();
      entries.forEach(found::add);
      found.sort(null);
      return found;
    } catch (IOException e) {
      throw failed("the pool cannot be read: " + e, e);
    }
  }

  /**
   * Removes what an earlier Vela left half made, half removed or ahead of its use: all of staging,
   * all spare clones, and partial copies. Only while nothing is being made.
   *
   * @param aside volumes that are left as they are
   */
  public void discardHalfMade(Set<Path> aside) throws CloneException {
    for (var kind : List.of(STAGING, SPARES)) {
      for (var volume : entries(kind)) {
        discard(volume, aside);
      }
    }
    for (var kind : List.of(SNAPSHOTS, CLONES)) {
      for (var volume : entries(kind)) {
        if (volume.getFileName().toString().endsWith(".partial")) {
          discard(volume, aside);
        }
      }
    }
  }

  private void discard(Path volume, Set<Path> aside) throws CloneException {
    if (!aside.contains(volume)) {
      driver.destroy(volume);
    }
  }

  /** The volume that a path is in, or is; empty for a path elsewhere. */
  public Optional<Path> volumeOf(Path path) {
    var kinds = root.getNameCount() + 1;
    return path.startsWith(root) && path.getNameCount() > kinds
        ? Optional.of(path.getRoot().resolve(path.subpath(0, kinds + 1)))
        : Optional.empty();
  }

  /**
   * Makes an empty volume in staging, owned by the service user.
   *
   * @throws CloneException with {@link PoolFull} before anything is written
   */
  public Path createStaging(String name) throws CloneException {
    requireSpace();
    var volume = staging(name);
    driver.create(volume);
    try {
      Files.setPosixFilePermissions(volume, PosixFilePermissions.fromString("rwx------"));
      user.ownOne(volume);
      return volume;
    } catch (IOException e) {
      var failure = failed("%s cannot be used: %s".formatted(volume, e), e);
      StorageCommand.cleanUp(failure, () -> driver.destroy(volume));
      throw failure;
    }
  }

  /**
   * Freezes a volume that nobody writes as a snapshot; the volume stays as it is.
   *
   * @throws CloneException with {@link PoolFull} before anything is written
   */
  public void freeze(Path volume, SnapshotId id) throws CloneException {
    requireSpaceFor(volume);
    takeOver(volume);
    begin(id.value());
    driver.snapshot(volume, snapshot(id));
    makeAhead(id);
  }

  /**
   * Makes a clone of a snapshot.
   *
   * @throws CloneException with {@link PoolFull} before anything is written, with {@link
   *     NoSuchSnapshot}
   */
  public Path createClone(SnapshotId from, CloneId id) throws CloneException {
    var source = snapshot(from);
    if (!Files.isDirectory(source, LinkOption.NOFOLLOW_LINKS)) {
      throw new CloneException(new NoSuchSnapshot(from));
    }
    requireSpaceFor(source);
    var target = clone(id);
    begin(id.value());
    try {
      if (!takeSpare(from, target)) {
        cloneTo(source, target);
      }
    } catch (CloneException e) {
      StorageCommand.cleanUp(e, () -> confirm(id.value()));
      throw e;
    }
    makeAhead(from);
    return target;
  }

  private void makeAhead(SnapshotId snapshot) {
    if (driver.sharesBlocks() && driver.canMove()) {
      spares.expect(snapshot);
    }
  }

  private boolean takeSpare(SnapshotId from, Path target) {
    var spare = spares.take(from);
    if (spare.isEmpty()) {
      return false;
    }
    try {
      driver.move(spare.get(), target);
      return true;
    } catch (CloneException e) {
      // It went with a mount that was lost; what is left of it is removed at the next start.
      log.warn("spare clone not used snapshot={} cause=\"{}\"", from, e.failure().message());
      return false;
    }
  }

  private void cloneTo(Path source, Path target) throws CloneException {
    driver.clone(source, target);
    try {
      takeOver(target);
    } catch (CloneException e) {
      StorageCommand.cleanUp(e, () -> driver.destroy(target));
      throw e;
    }
  }

  /** Makes spare clones while there is plenty of room. */
  private final class SpareMaker implements SpareClones.Maker {
    @Override
    public Optional<Path> make(SnapshotId snapshot) throws CloneException {
      if (freeBytes() < 2 * reserve.bytes() || !health.writable()) {
        return Optional.empty();
      }
      var spare = root.resolve(SPARES).resolve(UUID.randomUUID().toString());
      cloneTo(snapshot(snapshot), spare);
      return Optional.of(spare);
    }

    @Override
    public void destroy(Path spare) throws CloneException {
      driver.destroy(spare);
    }
  }

  /** Removes a snapshot, and what was made of it ahead. */
  public void destroySnapshot(SnapshotId id) throws CloneException {
    spares.forget(id);
    destroy(snapshot(id));
  }

  /**
   * Lets the service user pass through the folder of clones to one that it knows by name, or not.
   * It needs that only on hosts where instances cannot be shown their clones by mounts.
   */
  public void letPass(boolean passing) throws CloneException {
    try {
      Files.setPosixFilePermissions(
          root.resolve(CLONES),
          PosixFilePermissions.fromString(passing ? "rwx--x--x" : "rwx------"));
    } catch (IOException e) {
      throw failed("the pool cannot be prepared: " + e, e);
    }
  }

  /** The volume's own folder, with Vela's record, is Vela's; the service user's is the data. */
  private void takeOver(Path volume) throws CloneException {
    try {
      user.disown(volume);
      if (user.isOther()) {
        // Who may pass through the folder above may pass through this one too: see letPass.
        Files.setPosixFilePermissions(volume, PosixFilePermissions.fromString("rwx--x--x"));
      }
    } catch (IOException e) {
      throw failed("%s cannot be taken over: %s".formatted(volume, e), e);
    }
  }

  /** A driver that copies needs the space of all that it copies. */
  private void requireSpaceFor(Path source) throws CloneException {
    requireSpace(driver.sharesBlocks() ? 0 : driver.usage(source).totalBytes());
  }

  /** What a commit in an existing volume can promise, where that much was asked for. */
  public Durability kept(Path volume, Durability asked) throws CloneException {
    return asked == Durability.RELAXED && !driver.flushesOnCommit(volume) ? Durability.FULL : asked;
  }

  /** Removes a volume, complete or not; no error when it is not there. */
  public void destroy(Path volume) throws CloneException {
    driver.destroy(volume);
    // What is removed from staging may have become a snapshot of the same id.
    if (!volume.startsWith(staging(root))) {
      confirm(String.valueOf(volume.getFileName()));
    }
  }

  /** What a volume takes. */
  public Usage usage(Path volume) throws CloneException {
    return driver.usage(volume);
  }

  /**
   * Ends the mount of a pool in a file if opening made it, and fails while anything uses it. Vela
   * leaves it mounted when it ends: the next start is then faster, and instances may go on.
   */
  public void unmount() throws CloneException {
    close();
    if (opened.mounted() && opened.image().isPresent()) {
      opened.image().get().unmount();
    }
  }

  /** Lets another Vela have the pool. Idempotent. */
  @Override
  public void close() throws CloneException {
    spares.close();
    owner.close();
  }

  private static CloneException failed(String message, IOException cause) {
    return new CloneException(new StorageFailed(message, ""), cause);
  }
}
