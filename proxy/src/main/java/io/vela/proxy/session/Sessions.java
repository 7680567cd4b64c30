package io.vela.proxy.session;

import com.github.benmanes.caffeine.cache.Interner;
import io.vela.config.value.BranchName;
import io.vela.router.SteadyClock;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/** All sessions of this process. Safe for use from any thread. */
public final class Sessions {
  /** More would only wait for each other, and their clients with them; the rest are next. */
  private static final int MOST_PARKED_AT_ONCE = 100;

  private final Semaphore parking = new Semaphore(MOST_PARKED_AT_ONCE);
  private final Set<Session> live = ConcurrentHashMap.newKeySet();
  private final AtomicLong lastId = new AtomicLong();
  private final Interner<Object> shared = Interner.newWeakInterner();
  private final Tidying tidying = new Tidying(Sessions::usedHeap, System::gc);
  private final Attendance.Counts counts = new Attendance.Counts();

  private static long usedHeap() {
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  long nextId() {
    return lastId.incrementAndGet();
  }

  Attendance.Counts counts() {
    return counts;
  }

  void add(Session session) {
    live.add(session);
  }

  void remove(Session session) {
    live.remove(session);
    if (live.isEmpty()) {
      synchronized (live) {
        live.notifyAll();
      }
    }
  }

  /** Waits until there are none, but not for longer than the time. */
  public void awaitNone(Duration time) throws InterruptedException {
    var deadline = System.nanoTime() + time.toNanos();
    synchronized (live) {
      for (var left = time.toNanos();
          left > 0 && !live.isEmpty();
          left = deadline - System.nanoTime()) {
        TimeUnit.NANOSECONDS.timedWait(live, left);
      }
    }
  }

  /** How many there are. */
  public int size() {
    return live.size();
  }

  /**
   * Equal values are kept once, as long as a session has them: most clients of a branch ask for the
   * same, and are told the same.
   *
   * @param value never changes
   */
  @SuppressWarnings("unchecked") // what is equal to it is of its kind
  <T> T share(T value) {
    return (T) shared.intern(value);
  }

  /** Gives back backends of sessions that have been idle for as long as their policies say. */
  public void parkIdle() {
    long now = SteadyClock.get().millis();
    for (var session : live) {
      if (session.isToPark(now) && parking.tryAcquire()) {
        var _ = session.parkAlone(false).whenComplete((_, _) -> parking.release());
      }
    }
  }

  /** See {@link Tidying}. From one thread only. */
  public void tidyUp() {
    tidying.look(count(Phase.PARKED), live.size());
  }

  /** Those of a branch that relay. */
  Stream<Session> relaying(BranchName branch) {
    return live.stream().filter(session -> session.isRelayingOn(branch));
  }

  /** What those asked for that have a place among the connections of a branch. */
  Stream<SessionRequest> withPlace(BranchName branch) {
    return live.stream().flatMap(session -> session.placeOn(branch).stream());
  }

  long count(Phase phase) {
    return live.stream().filter(session -> session.phase() == phase).count();
  }

  long countBackends() {
    return live.stream().filter(Session::hasBackend).count();
  }

  /**
   * Ends each as soon as it rests with no transaction open, telling its client that Vela stops.
   * Those that do not relay yet end now. Returns at once.
   */
  public void drainAll() {
    live.forEach(Session::drain);
  }

  /** Ends all of them, telling their clients that Vela stops. Returns at once. */
  public void terminateAll() {
    live.forEach(Session::terminate);
  }

  /** Cuts all of them off. Returns at once. */
  public void cutAll() {
    live.forEach(Session::cut);
  }
}
