package io.vela.router.warm;

import io.vela.agent.CloneId;
import io.vela.agent.InstanceSettings;
import io.vela.agent.SnapshotId;
import io.vela.config.BranchPolicy;
import io.vela.config.VelaConfig;
import io.vela.config.value.BaselineName;
import io.vela.router.RouteException;
import io.vela.router.branch.CoalescedTask;
import io.vela.router.branch.Scheduler;
import io.vela.router.branch.StartPermits;
import io.vela.router.room.Place;
import io.vela.router.room.Room;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps as many started clones of each baseline as its policy says, hands them out, and makes new
 * ones: one at a time, only while hardly anything starts for a client, only where another place for
 * a running instance stays free, and only while the pool has space.
 *
 * <p>What is no longer good (its snapshot is superseded, its instance has ended, its settings are
 * not the policy's, there are more than the policy wants) is never handed out, and is removed. Safe
 * for use from any thread.
 */
public final class WarmClones {
  private static final Logger log = LoggerFactory.getLogger(WarmClones.class);

  /** Whoever has just been handed one comes to his first row before the next is made. */
  private static final Duration AFTER_HAND_OUT = Duration.ofMillis(250);

  /** How soon what could not be done now is tried again. */
  private static final Duration BUSY = Duration.ofMillis(500);

  private static final Duration AFTER_FAILURE = Duration.ofSeconds(15);

  private final Supplier<VelaConfig> config;
  private final Function<BaselineName, Optional<SnapshotId>> current;
  private final Function<BranchPolicy, InstanceSettings> settings;
  private final WarmWork work;
  private final Room room;
  private final StartPermits starts;
  private final Scheduler scheduler;
  private final Executor threads;
  private final CoalescedTask tending;
  private final Shelf shelf = new Shelf();

  /**
   * @param current the snapshot that new branches come from
   * @param settings what a policy's branches are started with
   * @param starts of clients
   * @param threads a virtual thread a task
   */
  public WarmClones(
      Supplier<VelaConfig> config,
      Function<BaselineName, Optional<SnapshotId>> current,
      Function<BranchPolicy, InstanceSettings> settings,
      WarmWork work,
      Room room,
      StartPermits starts,
      Scheduler scheduler,
      Executor threads) {
    this.config = config;
    this.current = current;
    this.settings = settings;
    this.work = work;
    this.room = room;
    this.starts = starts;
    this.scheduler = scheduler;
    this.threads = threads;
    this.tending = new CoalescedTask(threads, scheduler, this::tend);
  }

  /**
   * How it stands.
   *
   * @param making being made
   * @param ready to be handed out
   * @param going being removed
   */
  public record Counts(int making, int ready, int going) {}

  /** How it stands now. */
  public Counts counts() {
    var counts = shelf.counts();
    return new Counts(counts.making(), counts.ready(), counts.going());
  }

  /** How many of a baseline are ready. */
  public int ready(BaselineName baseline) {
    return shelf.ready(baseline);
  }

  /** Something has changed that warm clones go by: the policy, a snapshot. Does not block. */
  public void due() {
    tending.due();
  }

  /**
   * Takes a ready clone, if there is one and nobody waits for room: then its place is somebody
   * else's before long. It is the caller's to {@link #giveBack}, {@link #discard} or keep.
   */
  public Optional<WarmClone> take(BaselineName baseline) {
    if (room.occupancy().waiting() > 0) {
      return Optional.empty();
    }
    var taken = shelf.take(baseline, this::isGood);
    if (taken.isPresent()) {
      tending.dueAfter(AFTER_HAND_OUT);
    }
    return taken;
  }

  /** It was not needed. */
  public void giveBack(WarmClone clone) {
    if (shelf.putBack(clone)) {
      due();
    } else {
      remove(clone, false);
    }
  }

  /** It cannot be used: nobody knows whether the catalogue has it as a branch, which it is not. */
  public void discard(WarmClone clone) {
    shelf.discard(clone);
    remove(clone, true);
  }

  /** Gives up one so that its place becomes free, if there is one. Does not block. */
  public boolean giveUpOne() {
    var given = shelf.discardAny();
    given.ifPresent(clone -> remove(clone, false));
    return given.isPresent();
  }

  /** Removes all, and makes none from here on. Does not block; see {@link #awaitEnd}. */
  public void end() {
    shelf.close();
    discardUnwanted();
  }

  /**
   * Waits until all are removed.
   *
   * @return how many were left when the time was over; the next start of Vela removes them
   */
  public int awaitEnd(Duration bound) throws InterruptedException {
    return shelf.awaitEmpty(bound);
  }

  private boolean isGood(WarmClone clone) {
    return !clone.ended().isDone()
        && current.apply(clone.baseline()).filter(clone.snapshot()::equals).isPresent()
        && settings.apply(config.get().policy(clone.baseline())).equals(clone.settings());
  }

  private void tend() {
    discardUnwanted();
    for (var wanting = wanting(); wanting.isPresent(); wanting = wanting()) {
      if (!refill(wanting.get())) {
        return;
      }
      discardUnwanted();
    }
  }

  private void discardUnwanted() {
    var all = new HashSet<>(shelf.baselines());
    for (var baseline : all) {
      int most = shelf.isClosed() ? 0 : config.get().policy(baseline).warm();
      for (var clone : shelf.discard(baseline, this::isGood, most)) {
        log.info("warm clone discarded baseline={} clone={}", baseline, clone.id());
        remove(clone, false);
      }
    }
  }

  /** The baseline that lacks the most. */
  private Optional<BaselineName> wanting() {
    record Lack(BaselineName baseline, int missing) {}
    return config.get().baselines().entrySet().stream()
        .map(entry -> new Lack(entry.getKey(), missing(entry.getKey(), entry.getValue())))
        .filter(lack -> lack.missing() > 0 && current.apply(lack.baseline()).isPresent())
        .max(Comparator.comparingInt(Lack::missing))
        .map(Lack::baseline);
  }

  private int missing(BaselineName baseline, BranchPolicy policy) {
    return policy.warm() - shelf.ready(baseline);
  }

  /**
   * @return whether one was made; else it is tried again later
   */
  private boolean refill(BaselineName baseline) {
    var place = starts.areAmple() ? room.spare() : Optional.<Place>empty();
    if (place.isEmpty()) {
      tending.dueAfter(BUSY);
      return false;
    }
    if (!shelf.beginMaking()) {
      place.get().free();
      return false;
    }
    var id = CloneId.random();
    try {
      if (!work.poolIsAmple()) {
        return notMade(place.get(), BUSY);
      }
      var begin = scheduler.clock().instant();
      var policy = settings.apply(config.get().policy(baseline));
      var made = work.make(id, baseline, policy);
      var ended = work.exit(id).toCompletableFuture();
      var clone =
          new WarmClone(id, baseline, made.snapshot(), policy, made.endpoint(), place.get(), ended);
      log.info(
          "warm clone started baseline={} clone={} snapshot={} millis={}",
          baseline,
          id,
          made.snapshot(),
          Duration.between(begin, scheduler.clock().instant()).toMillis());
      if (!shelf.made(clone)) {
        remove(clone, false);
        return false;
      }
      var _ = ended.thenRun(this::due);
      return true;
    } catch (RouteException e) {
      log.warn(
          "warm clone not made baseline={} clone={} cause=\"{}\" detail=\"{}\"",
          baseline,
          id,
          e.failure().message(),
          e.failure().detail());
      return notMade(place.get(), AFTER_FAILURE);
    } catch (RuntimeException e) {
      notMade(place.get(), AFTER_FAILURE);
      throw e;
    }
  }

  private boolean notMade(Place place, Duration pause) {
    place.free();
    shelf.notMade();
    tending.dueAfter(pause);
    return false;
  }

  /** One that is going already, on the shelf. */
  private void remove(WarmClone clone, boolean doubtful) {
    clone.place().leaving();
    threads.execute(() -> removeNow(clone, doubtful));
  }

  private void removeNow(WarmClone clone, boolean doubtful) {
    try {
      if (doubtful) {
        work.takeBack(clone.id());
      }
      work.stop(clone.id());
      clone.place().free();
      work.destroy(clone.id());
      shelf.gone(clone);
    } catch (RouteException e) {
      log.warn(
          "warm clone not removed clone={} cause=\"{}\" detail=\"{}\"",
          clone.id(),
          e.failure().message(),
          e.failure().detail());
      clone.place().staying();
      if (shelf.isClosed()) {
        shelf.gone(clone); // The next start of Vela removes it.
      } else {
        scheduler.after(AFTER_FAILURE, () -> remove(clone, doubtful));
      }
    }
  }
}
