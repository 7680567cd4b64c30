package io.vela.router.warm;

import io.vela.config.value.BaselineName;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;

/** Which warm clones there are. Each is ready, or going, or somebody else's. Safe for threads. */
final class Shelf {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition emptier = lock.newCondition();
  private final Map<BaselineName, List<WarmClone>> ready = new HashMap<>();
  private final Set<WarmClone> going = new HashSet<>();
  private int making;
  private boolean closed;

  record Counts(int making, int ready, int going) {}

  /** Whether one may be made now; then {@link #made} must follow, or {@link #notMade}. */
  boolean beginMaking() {
    return locked(
        () -> {
          if (!closed) {
            making++;
          }
          return !closed;
        });
  }

  void notMade() {
    locked(
        () -> {
          making--;
          emptier.signalAll();
          return true;
        });
  }

  /**
   * @return whether it is ready: else nobody wants it any more, and it is going
   */
  boolean made(WarmClone clone) {
    return locked(
        () -> {
          making--;
          return put(clone);
        });
  }

  /** As {@link #made}, of one that was taken. */
  boolean putBack(WarmClone clone) {
    return locked(() -> put(clone));
  }

  private boolean put(WarmClone clone) {
    if (closed) {
      going.add(clone);
    } else {
      ready.computeIfAbsent(clone.baseline(), _ -> new ArrayList<>()).add(clone);
    }
    return !closed;
  }

  /** Takes the oldest ready one of a baseline that is good: it is the caller's from here on. */
  Optional<WarmClone> take(BaselineName baseline, Predicate<WarmClone> good) {
    return locked(
        () -> {
          var all = ready.getOrDefault(baseline, List.of());
          var first = all.stream().filter(good).findFirst();
          first.ifPresent(all::remove);
          return first;
        });
  }

  /** One that was taken is not to be used any more. */
  void discard(WarmClone clone) {
    locked(() -> going.add(clone));
  }

  /** Marks ready ones as going: those that are not good, and of the good those above the number. */
  List<WarmClone> discard(BaselineName baseline, Predicate<WarmClone> good, int most) {
    return locked(
        () -> {
          var unwanted = new ArrayList<WarmClone>();
          var all = ready.getOrDefault(baseline, new ArrayList<>());
          int kept = 0;
          for (var clone : List.copyOf(all)) {
            if (good.test(clone) && kept < most) {
              kept++;
            } else {
              all.remove(clone);
              unwanted.add(clone);
            }
          }
          going.addAll(unwanted);
          return unwanted;
        });
  }

  /** Marks any ready one as going: the newest, of the baseline that has the most. */
  Optional<WarmClone> discardAny() {
    return locked(
        () -> {
          var most = ready.values().stream().max(Comparator.comparingInt(List::size));
          var clone = most.filter(all -> !all.isEmpty()).map(List::removeLast);
          clone.ifPresent(going::add);
          return clone;
        });
  }

  void gone(WarmClone clone) {
    locked(
        () -> {
          going.remove(clone);
          emptier.signalAll();
          return true;
        });
  }

  int ready(BaselineName baseline) {
    return locked(() -> ready.getOrDefault(baseline, List.of()).size());
  }

  List<BaselineName> baselines() {
    return locked(() -> List.copyOf(ready.keySet()));
  }

  Counts counts() {
    return locked(
        () -> new Counts(making, ready.values().stream().mapToInt(List::size).sum(), going.size()));
  }

  /** From here on nothing becomes ready. */
  void close() {
    locked(() -> closed = true);
  }

  boolean isClosed() {
    return locked(() -> closed);
  }

  /**
   * Waits until nothing is being made and nothing is going.
   *
   * @return how many were left when the time was over
   */
  int awaitEmpty(Duration bound) throws InterruptedException {
    long left = bound.toNanos();
    lock.lockInterruptibly();
    try {
      while (making + going.size() > 0 && left > 0) {
        left = emptier.awaitNanos(left);
      }
      return making + going.size();
    } finally {
      lock.unlock();
    }
  }

  private interface Step<T> {
    T take();
  }

  private <T> T locked(Step<T> step) {
    lock.lock();
    try {
      return step.take();
    } finally {
      lock.unlock();
    }
  }
}
