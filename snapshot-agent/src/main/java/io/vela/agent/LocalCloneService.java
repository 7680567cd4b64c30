package io.vela.agent;

import io.vela.agent.CloneFailure.NoSuchClone;
import io.vela.agent.CloneFailure.QueryFailed;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.exec.ProcessSignal;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.isolation.IsolationLevel;
import io.vela.agent.isolation.Launcher;
import io.vela.agent.isolation.Launchers;
import io.vela.agent.isolation.ReachedIsolation;
import io.vela.agent.postgres.DataDirectory;
import io.vela.agent.postgres.InstanceFiles;
import io.vela.agent.postgres.InstanceSql;
import io.vela.agent.postgres.PostgresBinaries;
import io.vela.agent.postgres.PostgresInstance;
import io.vela.agent.postgres.RoleReader;
import io.vela.agent.postgres.VolumeRecord;
import io.vela.agent.storage.Pool;
import io.vela.config.Durability;
import io.vela.config.Isolation;
import io.vela.config.Network;
import io.vela.config.PostgresConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.StampedLock;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Snapshots, clones and instances on this host. */
public final class LocalCloneService implements CloneService {
  private static final Logger log = LoggerFactory.getLogger(LocalCloneService.class);

  /** How many databases are opened to warm up a clone: mostly there is one. */
  private static final int WARMED_UP = 8;

  /** How long instances on a pool that cannot be written may take to end, and work to give up. */
  private static final Duration LETTING_GO = Duration.ofSeconds(10);

  private final Pool pool;
  private final ServiceUser user;
  private final Launcher launcher;
  private final ReachedIsolation isolation;
  private final Instances instances;
  private final SnapshotMaker snapshotMaker;
  private final StampedLock work = new StampedLock();

  /** Read once: a wake must not wait for a file that only this service writes. */
  private final Map<CloneId, VolumeRecord> records = new ConcurrentHashMap<>();

  private final Map<CloneId, RoleReader> roleReaders = new ConcurrentHashMap<>();

  private LocalCloneService(
      Pool pool,
      ServiceUser user,
      Launchers.Found found,
      Instances instances,
      SnapshotMaker snapshotMaker) {
    this.pool = pool;
    this.user = user;
    this.launcher = found.launcher();
    this.isolation = new ReachedIsolation(found.launcher().level(), found.shortfall());
    this.instances = instances;
    this.snapshotMaker = snapshotMaker;
  }

  /**
   * Opens the service on a pool that no other Vela uses: ends what an earlier one left at work,
   * clears away what it left half made, and adopts the instances that outlived it.
   *
   * @param user who owns the volumes and runs Postgres
   * @param run folder of the instances' private folders, which the user can reach by a path of at
   *     most 74 bytes
   */
  public static LocalCloneService open(
      Pool pool, PostgresBinaries binaries, ServiceUser user, Path run, PostgresConfig config)
      throws CloneException, InterruptedException {
    try {
      // Says at once, and not at the first wake, when the path is too long for a socket.
      var longest = new InstanceFiles(pool.root(), run.resolve(SnapshotId.random().value()));
      Files.createDirectories(run);
      Files.setPosixFilePermissions(run, PosixFilePermissions.fromString("rwx--x--x"));
      if (!user.canReach(run)) {
        throw new CloneException(
            new StorageFailed(
                "the user %s cannot reach %s".formatted(user.name(), longest.run().getParent()),
                ""));
      }
    } catch (IOException | IllegalArgumentException e) {
      throw new CloneException(
          new StorageFailed("the folder of sockets cannot be used: " + e.getMessage(), ""), e);
    }
    Thread.ofVirtual().name("prepare-signals").start(ProcessSignal::prepare);
    var found = launcher(pool, user, run, config.isolation());
    var launcher = found.launcher();
    var instances = new Instances(binaries, launcher, run, config.sharedBuffers());
    var maker = new SnapshotMaker(pool, binaries, user, launcher, run, config.sharedBuffers());
    maker.discardHalfMade(new Orphans(pool, user, run).end());
    instances.adopt(
        pool.clones().stream().collect(Collectors.toMap(Function.identity(), pool::clone)));
    return new LocalCloneService(pool, user, found, instances, maker);
  }

  /** How far the processes of its clones are locked in. */
  public ReachedIsolation isolation() {
    return isolation;
  }

  private static Launchers.Found launcher(
      Pool pool, ServiceUser user, Path run, Isolation isolation)
      throws CloneException, InterruptedException {
    try {
      var found =
          isolation == Isolation.OFF
              ? new Launchers.Found(Launchers.plain(user), "postgres.isolation is off")
              : Launchers.best(user, run, pool.root(), InstanceFiles.common(run));
      log.info("isolation level={} shortfall=\"{}\"", found.launcher().level(), found.shortfall());
      if (isolation == Isolation.REQUIRED && found.launcher().level() == IsolationLevel.NONE) {
        throw new CloneException(
            new StorageFailed(
                "postgres.isolation is required, and this host does not let Vela lock branches in: "
                    + found.shortfall(),
                ""));
      }
      // Without namespaces the service user goes to a clone by its path.
      pool.letPass(found.launcher().level().compareTo(IsolationLevel.NAMESPACES) < 0);
      return found;
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("instances cannot be started on this host", e.toString()), e);
    }
  }

  @Override
  public PoolInfo pool() {
    return pool.info();
  }

  @Override
  public PoolHealth tend() {
    instances.endStuck(LETTING_GO);
    var health = pool.look();
    if (health.writable() || !pool.canBeMountedAnew()) {
      return health;
    }
    log.warn("pool is being mounted anew problem=\"{}\"", health.problem());
    long alone;
    try {
      alone = work.tryWriteLock(LETTING_GO.toMillis(), TimeUnit.MILLISECONDS);
      if (alone == 0) {
        log.warn("pool not mounted anew cause=\"snapshots or clones are being made\"");
        return health;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return health;
    }
    try {
      roleReaders.keySet().forEach(this::forgetReader);
      instances.endAll(LETTING_GO);
      pool.mountAnew();
      log.info("pool mounted anew");
    } catch (CloneException e) {
      log.error(
          "pool not mounted anew cause=\"{}\" detail=\"{}\"",
          e.failure().message(),
          e.failure().detail());
    } finally {
      work.unlockWrite(alone);
    }
    return pool.look();
  }

  /** Work on volumes, which the mount must not be taken away from. */
  private Held working() {
    long stamp = work.readLock();
    return () -> work.unlockRead(stamp);
  }

  /** Something to be given back. */
  private interface Held extends AutoCloseable {
    @Override
    void close();
  }

  @Override
  public PoolOwnership ownership() throws CloneException {
    return pool.ownership();
  }

  @Override
  public void own(long epoch) throws CloneException {
    pool.own(epoch);
  }

  @Override
  public Unconfirmed unconfirmed() throws CloneException {
    var clones = new HashSet<CloneId>();
    var snapshots = new HashSet<SnapshotId>();
    for (var id : pool.unconfirmed()) {
      try {
        // An id does not tell of which kind it is; of the other kind there is none.
        clones.add(new CloneId(id));
        snapshots.add(new SnapshotId(id));
      } catch (IllegalArgumentException e) {
        log.warn("file that is not Vela's in the pool's folder of creations name={}", id);
      }
    }
    return new Unconfirmed(clones, snapshots);
  }

  @Override
  public void confirm(CloneId id) {
    confirm(id.value());
  }

  @Override
  public void confirm(SnapshotId id) {
    confirm(id.value());
  }

  private void confirm(String id) {
    try {
      pool.confirm(id);
    } catch (CloneException e) {
      log.warn("volume not confirmed volume={} cause=\"{}\"", id, e.failure().message());
    }
  }

  @Override
  public List<SnapshotInfo> snapshots() throws CloneException {
    var snapshots = new ArrayList<SnapshotInfo>();
    for (var id : pool.snapshots()) {
      try {
        snapshots.add(info(id, read(pool.snapshot(id))));
      } catch (CloneException e) {
        // One damaged snapshot must not keep Vela from starting: the others are whole.
        log.error("snapshot cannot be used snapshot={} cause=\"{}\"", id, e.failure().message());
      }
    }
    return List.copyOf(snapshots);
  }

  @Override
  public List<CloneInfo> clones() throws CloneException {
    var clones = new ArrayList<CloneInfo>();
    for (var id : pool.clones()) {
      clones.add(
          new CloneInfo(
              id,
              instances.running(id).map(instance -> instance.files().endpoint()),
              isSettled(id),
              instances.trouble(id)));
    }
    return List.copyOf(clones);
  }

  private boolean isSettled(CloneId id) {
    try {
      return RoleReader.isSettled(pool.clone(id));
    } catch (IOException e) {
      // Then its roles are read anew, and one broken clone is not in the way of all.
      log.warn("volume cannot be read clone={} cause=\"{}\"", id, e.toString());
      return false;
    }
  }

  @Override
  public SnapshotInfo createSnapshot(
      SnapshotId id, Source source, Consumer<ImportProgress> progress)
      throws CloneException, InterruptedException {
    try (var _ = working()) {
      return info(id, snapshotMaker.make(id, source, progress));
    }
  }

  @Override
  public void destroySnapshot(SnapshotId id) throws CloneException {
    try (var _ = working()) {
      pool.destroySnapshot(id);
    }
  }

  @Override
  public void createClone(CloneId id, SnapshotId snapshot) throws CloneException {
    try (var _ = working()) {
      prepared(id, pool.createClone(snapshot, id));
    }
  }

  private void prepared(CloneId id, Path volume) throws CloneException {
    try {
      DataDirectory.in(volume).removeLeftovers();
    } catch (IOException e) {
      var failure =
          new CloneException(
              new StorageFailed("clone " + id + " cannot be written", e.toString()), e);
      try {
        pool.destroy(volume);
      } catch (CloneException cleaning) {
        failure.addSuppressed(cleaning);
      }
      throw failure;
    }
  }

  @Override
  public void destroyClone(CloneId id) throws CloneException {
    if (instances.running(id).isPresent() || instances.trouble(id).isPresent()) {
      throw new CloneException(
          new StorageFailed("clone " + id + " cannot be removed: its instance runs", ""));
    }
    forgetReader(id);
    instances.forget(id);
    records.remove(id);
    try (var _ = working()) {
      pool.destroy(pool.clone(id));
    }
    try {
      instances.files(id, pool.clone(id)).deleteRun();
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("the files of clone " + id + " cannot be removed", e.toString()), e);
    }
  }

  @Override
  public Endpoint start(CloneId id, InstanceSettings settings) throws CloneException {
    var running = instances.running(id);
    if (running.isPresent()) {
      return running.get().files().endpoint();
    }
    try (var _ = working()) {
      return started(id, settings);
    }
  }

  private Endpoint started(CloneId id, InstanceSettings settings) throws CloneException {
    pool.requireRoomToRun();
    var volume = volume(id);
    try {
      RoleReader.unsettle(volume, user);
      DataDirectory.in(volume).removeSignals();
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("clone " + id + " cannot be written", e.toString()), e);
    }
    var kept = settings.with(pool.kept(volume, settings.durability()));
    return instances.start(id, volume, record(id), kept).files().endpoint();
  }

  @Override
  public Durability durability(CloneId id, Durability asked) throws CloneException {
    return pool.kept(volume(id), asked);
  }

  @Override
  public Optional<RunningAs> runningAs(CloneId id) {
    return instances.running(id).flatMap(PostgresInstance::runningAs);
  }

  @Override
  public Network network(Network asked) {
    return isolation().level() == IsolationLevel.NONE ? Network.HOST : asked;
  }

  @Override
  public void stop(CloneId id, StopMode mode, Duration timeout) throws CloneException {
    forgetReader(id);
    instances.stop(id, pool.clone(id), mode, timeout);
  }

  @Override
  public CompletionStage<InstanceExit> exit(CloneId id) {
    return instances
        .last(id)
        .map(PostgresInstance::ended)
        .orElseGet(() -> CompletableFuture.completedStage(new PostgresInstance.Ended(true, "")))
        .thenApply(ended -> new InstanceExit(id, ended.requested(), ended.logTail()));
  }

  @Override
  public void warmUp(CloneId id) throws CloneException {
    var contents = record(id).contents();
    var sql = sql(id, contents);
    for (var database : contents.databases().stream().limit(WARMED_UP).toList()) {
      try {
        sql.ask(List.of(database.name()), Connection::getCatalog);
      } catch (CloneException e) {
        log.debug("database not warmed up clone={} database={}", id, database.name(), e);
      }
    }
  }

  @Override
  public Activity activity(CloneId id) throws CloneException {
    var contents = record(id).contents();
    return sql(id, contents).activity(InstanceSql.databases(contents));
  }

  @Override
  public void endStatements(CloneId id) throws CloneException {
    var contents = record(id).contents();
    sql(id, contents).endStatements(InstanceSql.databases(contents));
  }

  @Override
  public Optional<Role> role(CloneId id, String name) throws CloneException {
    var contents = record(id).contents();
    var sql = sql(id, contents);
    return roleReaders
        .computeIfAbsent(id, _ -> new RoleReader(sql, InstanceSql.databases(contents)))
        .read(name);
  }

  private void forgetReader(CloneId id) {
    var reader = roleReaders.remove(id);
    if (reader != null) {
      reader.close();
    }
  }

  @Override
  public Contents refreshContents(CloneId id) throws CloneException {
    var record = record(id);
    var known = record.contents();
    var contents = sql(id, known).contents(InstanceSql.databases(known));
    try {
      if (!contents.equals(known)) {
        var changed = record.with(contents);
        changed.write(volume(id), user);
        records.put(id, changed);
      }
      RoleReader.settle(volume(id));
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("clone " + id + " cannot be written", e.toString()), e);
    }
    return contents;
  }

  @Override
  public Contents contents(CloneId id) throws CloneException {
    return record(id).contents();
  }

  @Override
  public Usage usage(CloneId id) throws CloneException {
    return pool.usage(volume(id));
  }

  /** Lets go of instances without stopping them. */
  @Override
  public void close() {
    // Instances are processes of their own; nothing is held open for them but this.
    roleReaders.keySet().forEach(this::forgetReader);
    launcher.close();
    try {
      pool.close();
    } catch (CloneException e) {
      log.warn("pool not given back cause=\"{}\"", e.failure().message());
    }
  }

  private InstanceSql sql(CloneId id, Contents contents) throws CloneException {
    var instance =
        instances
            .running(id)
            .orElseThrow(
                () -> new CloneException(new QueryFailed("clone " + id + " does not run")));
    return new InstanceSql(instance.files().endpoint(), contents.major(), contents.superuser());
  }

  private Path volume(CloneId id) throws CloneException {
    var volume = pool.clone(id);
    if (!Files.isDirectory(volume)) {
      throw new CloneException(new NoSuchClone(id));
    }
    return volume;
  }

  private VolumeRecord record(CloneId id) throws CloneException {
    var known = records.get(id);
    if (known == null) {
      var read = read(volume(id));
      // What was written meanwhile is newer.
      known = records.putIfAbsent(id, read);
      return known == null ? read : known;
    }
    return known;
  }

  private static VolumeRecord read(Path volume) throws CloneException {
    try {
      return VolumeRecord.read(volume);
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed(volume + " has no readable record", e.toString()), e);
    }
  }

  private static SnapshotInfo info(SnapshotId id, VolumeRecord record) {
    return new SnapshotInfo(id, record.clean(), record.bytes(), record.contents());
  }
}
