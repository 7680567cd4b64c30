package io.vela.proxy.session;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** All sessions of this process. Safe for use from any thread. */
public final class Sessions {
  private final Set<Session> live = ConcurrentHashMap.newKeySet();
  private final AtomicLong lastId = new AtomicLong();
  private final Attendance.Counts counts = new Attendance.Counts();

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

  long count(Phase phase) {
    return live.stream().filter(session -> session.phase() == phase).count();
  }

  long countBackends() {
    return live.stream().filter(Session::hasBackend).count();
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
