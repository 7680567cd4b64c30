package io.vela.router;

import io.vela.agent.Activity;
import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.CloneId;
import io.vela.agent.CloneInfo;
import io.vela.agent.CloneService;
import io.vela.agent.Contents;
import io.vela.agent.Endpoint;
import io.vela.agent.ImportProgress;
import io.vela.agent.InstanceExit;
import io.vela.agent.InstanceSettings;
import io.vela.agent.PoolHealth;
import io.vela.agent.PoolInfo;
import io.vela.agent.PoolOwnership;
import io.vela.agent.Role;
import io.vela.agent.RunningAs;
import io.vela.agent.SnapshotId;
import io.vela.agent.SnapshotInfo;
import io.vela.agent.Source;
import io.vela.agent.StopMode;
import io.vela.agent.Unconfirmed;
import io.vela.agent.Usage;
import io.vela.config.Durability;
import io.vela.config.Network;
import io.vela.config.value.Secret;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * A fake agent: its pool and processes are in memory. A test scripts it: {@link #hold} makes the
 * next calls of a kind wait, {@link #fail} makes them fail; {@link #calls} says what was asked.
 */
public final class FakeCloneService implements CloneService {
  public final List<String> calls = new CopyOnWriteArrayList<>();
  public final Set<SnapshotId> snapshots = ConcurrentHashMap.newKeySet();
  public final Set<CloneId> clones = ConcurrentHashMap.newKeySet();
  public final Map<CloneId, CompletableFuture<InstanceExit>> running = new ConcurrentHashMap<>();
  public volatile List<Activity.Use> uses = List.of();
  public volatile Contents contents =
      new Contents(
          18,
          "postgres",
          List.of(
              new Role(
                  "app",
                  Optional.of(new Secret("SCRAM-SHA-256$x")),
                  true,
                  false,
                  -1,
                  Optional.empty())),
          List.of(
              new Contents.Database("postgres", "postgres"), new Contents.Database("app", "app")));

  /** What the instances have, where it is not what was read of them last. */
  public volatile Optional<Map<String, Role>> liveRoles = Optional.empty();

  public final Set<CloneId> unsettled = ConcurrentHashMap.newKeySet();

  /** Instances of an earlier Vela that cannot be taken over. */
  public final Map<CloneId, CloneFailure> strays = new ConcurrentHashMap<>();

  private final Map<String, CountDownLatch> holds = new ConcurrentHashMap<>();
  private final Map<String, Runnable> onStop = new ConcurrentHashMap<>();
  private final Map<String, CloneFailure> failures = new ConcurrentHashMap<>();

  /** Makes calls of this kind wait until the latch is at zero. */
  public CountDownLatch hold(String kind) {
    var latch = new CountDownLatch(1);
    holds.put(kind, latch);
    return latch;
  }

  public void fail(String kind, CloneFailure failure) {
    failures.put(kind, failure);
  }

  /** What comes with a stop of a kind. */
  public void onStop(String kind, Runnable action) {
    onStop.put(kind, action);
  }

  public void heal(String kind) {
    failures.remove(kind);
  }

  public long count(String kind) {
    return calls.stream().filter(kind::equals).count();
  }

  /** The instance ends by itself. */
  public void crash(CloneId id) {
    end(id, false);
  }

  private void end(CloneId id, boolean requested) {
    var exit = running.remove(id);
    if (exit != null) {
      exit.complete(new InstanceExit(id, requested, "the end"));
    }
  }

  private void called(String kind) throws CloneException {
    calls.add(kind);
    try {
      var hold = holds.get(kind);
      if (hold != null && !hold.await(30, TimeUnit.SECONDS)) {
        throw new IllegalStateException(kind + " was held for too long");
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    var failure = failures.get(kind);
    if (failure != null) {
      throw new CloneException(failure);
    }
  }

  @Override
  public PoolInfo pool() {
    return new PoolInfo("fake", true, 1000, freeBytes, "");
  }

  @Override
  public PoolHealth tend() {
    return PoolHealth.GOOD;
  }

  /** The identity of the pool. */
  public static final String POOL = "a3f1c2d4-0000-4000-8000-000000000001";

  /** What is free in the pool. */
  public volatile long freeBytes = 400;

  /** What clones take, where it is not next to nothing. */
  public final Map<CloneId, Long> exclusiveBytes = new ConcurrentHashMap<>();

  /** Clones whose measurement fails. */
  public final Set<CloneId> unmeasurable = ConcurrentHashMap.newKeySet();

  /** As the pool says it. */
  public volatile PoolOwnership ownership = new PoolOwnership(POOL, 0, "");

  /** Ids of what is being made. */
  public final Set<String> unconfirmed = ConcurrentHashMap.newKeySet();

  @Override
  public PoolOwnership ownership() {
    return ownership;
  }

  @Override
  public void own(long epoch) {
    ownership = new PoolOwnership(ownership.pool(), epoch, "this Vela");
  }

  @Override
  public Unconfirmed unconfirmed() {
    return new Unconfirmed(
        unconfirmed.stream().map(CloneId::new).collect(Collectors.toSet()),
        unconfirmed.stream().map(SnapshotId::new).collect(Collectors.toSet()));
  }

  @Override
  public void confirm(CloneId id) {
    unconfirmed.remove(id.value());
  }

  @Override
  public void confirm(SnapshotId id) {
    unconfirmed.remove(id.value());
  }

  private SnapshotInfo info(SnapshotId id) {
    return new SnapshotInfo(id, true, 100, contents);
  }

  @Override
  public List<SnapshotInfo> snapshots() {
    return snapshots.stream().map(this::info).toList();
  }

  @Override
  public List<CloneInfo> clones() {
    return clones.stream()
        .map(
            id ->
                new CloneInfo(
                    id,
                    Optional.ofNullable(running.get(id)).map(_ -> endpoint(id)),
                    !unsettled.contains(id),
                    Optional.ofNullable(strays.get(id))))
        .toList();
  }

  private static Endpoint endpoint(CloneId id) {
    return new Endpoint.UnixSocket("/run/" + id);
  }

  @Override
  public SnapshotInfo createSnapshot(
      SnapshotId id, Source source, Consumer<ImportProgress> progress) throws CloneException {
    called("createSnapshot");
    snapshots.add(id);
    unconfirmed.add(id.value());
    return info(id);
  }

  @Override
  public void destroySnapshot(SnapshotId id) throws CloneException {
    called("destroySnapshot");
    snapshots.remove(id);
    unconfirmed.remove(id.value());
  }

  @Override
  public void createClone(CloneId id, SnapshotId snapshot) throws CloneException {
    called("createClone");
    if (!snapshots.contains(snapshot)) {
      throw new CloneException(new CloneFailure.NoSuchSnapshot(snapshot));
    }
    clones.add(id);
    unconfirmed.add(id.value());
  }

  @Override
  public void destroyClone(CloneId id) throws CloneException {
    called("destroyClone");
    if (running.containsKey(id) || strays.containsKey(id)) {
      throw new IllegalStateException("its instance runs");
    }
    clones.remove(id);
    unconfirmed.remove(id.value());
  }

  @Override
  public Endpoint start(CloneId id, InstanceSettings settings) throws CloneException {
    called("start");
    if (!clones.contains(id)) {
      throw new CloneException(new CloneFailure.NoSuchClone(id));
    }
    unsettled.add(id);
    if (strays.containsKey(id)) {
      throw new CloneException(strays.get(id));
    }
    running.putIfAbsent(id, new CompletableFuture<>());
    return endpoint(id);
  }

  /** A clean stop is {@code stop}; the others are {@code stop immediate} and {@code stop kill}. */
  @Override
  public void stop(CloneId id, StopMode mode, Duration timeout) throws CloneException {
    var kind = mode == StopMode.FAST ? "stop" : "stop " + mode;
    called(kind);
    Optional.ofNullable(onStop.get(kind)).ifPresent(Runnable::run);
    strays.remove(id);
    end(id, true);
  }

  @Override
  public CompletionStage<InstanceExit> exit(CloneId id) {
    return running.getOrDefault(
        id, CompletableFuture.completedFuture(new InstanceExit(id, true, "")));
  }

  @Override
  public void warmUp(CloneId id) throws CloneException {
    called("warmUp");
  }

  @Override
  public Activity activity(CloneId id) throws CloneException {
    called("activity");
    return new Activity(uses);
  }

  @Override
  public void endStatements(CloneId id) throws CloneException {
    called("endStatements");
  }

  @Override
  public Optional<Role> role(CloneId id, String name) throws CloneException {
    called("role");
    if (!running.containsKey(id)) {
      throw new CloneException(new CloneFailure.QueryFailed("it does not run"));
    }
    return liveRoles
        .map(live -> Optional.ofNullable(live.get(name)))
        .orElseGet(() -> contents.role(name));
  }

  @Override
  public Contents refreshContents(CloneId id) throws CloneException {
    called("refreshContents");
    unsettled.remove(id);
    return contents;
  }

  @Override
  public Contents contents(CloneId id) throws CloneException {
    called("contents");
    return contents;
  }

  @Override
  public Usage usage(CloneId id) throws CloneException {
    if (unmeasurable.contains(id)) {
      throw new CloneException(new StorageFailed("it could not be measured", ""));
    }
    return new Usage(100, exclusiveBytes.getOrDefault(id, 7L));
  }

  @Override
  public Durability durability(CloneId id, Durability asked) {
    return asked;
  }

  /** What running instances were started with, where a test says so. */
  public final Map<CloneId, RunningAs> runningAs = new ConcurrentHashMap<>();

  @Override
  public Optional<RunningAs> runningAs(CloneId id) {
    return Optional.ofNullable(runningAs.get(id));
  }

  @Override
  public Network network(Network asked) {
    return asked;
  }

  @Override
  public void close() {}
}
