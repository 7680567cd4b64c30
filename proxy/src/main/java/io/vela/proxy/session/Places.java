package io.vela.proxy.session;

import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Counts who is there, by a key, and lets no key have more than a limit. Safe for use from any
 * thread.
 */
final class Places<K> {
  private final ConcurrentHashMap<K, Integer> taken = new ConcurrentHashMap<>();

  /** A place that is taken, until it is given back; more than once is as once. */
  final class Place implements AutoCloseable {
    private final K key;
    private final AtomicBoolean given = new AtomicBoolean();

    private Place(K key) {
      this.key = key;
    }

    @Override
    public void close() {
      if (given.compareAndSet(false, true)) {
        taken.computeIfPresent(key, (_, count) -> count == 1 ? null : count - 1);
      }
    }
  }

  /**
   * Takes a place.
   *
   * @param limit how many there are; empty for any number
   * @return empty when all are taken
   */
  Optional<Place> take(K key, Optional<Integer> limit) {
    var got = new AtomicBoolean();
    taken.compute(
        key,
        (_, before) -> {
          int count = before == null ? 0 : before;
          got.set(limit.isEmpty() || count < limit.get());
          return got.get() ? Integer.valueOf(count + 1) : before;
        });
    return got.get() ? Optional.of(new Place(key)) : Optional.empty();
  }

  /** How many are taken. */
  int taken(K key) {
    return taken.getOrDefault(key, 0);
  }
}
