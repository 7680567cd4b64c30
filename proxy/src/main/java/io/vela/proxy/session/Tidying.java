package io.vela.proxy.session;

import java.util.function.LongSupplier;

/**
 * Gives the system back what sessions have left behind. Their backends live long enough to be taken
 * for lasting by the serial collector, which does not look at them again before the heap is full: a
 * quarter of the machine's memory, and then it stops everybody for seconds. So it is asked sooner:
 * after a wave of sessions, while all are parked and nobody waits; and whoever waits, when what may
 * be garbage is more than what is not. On one thread.
 */
final class Tidying {
  /** So many sessions parked since the last time are worth a collection. */
  private static final int WORTH_IT = 1_000;

  /** So many looks in a row must find the same: connections take a moment to be gone. */
  private static final int SETTLED = 4;

  /** Less than this is not worth stopping anybody. */
  private static final long LEAST_GARBAGE = 64L << 20;

  private final LongSupplier usedBytes;
  private final Runnable collection;
  private long aliveBytes;
  private long parkedLastTime;
  private long before;
  private int same;

  /**
   * @param usedBytes of the heap, garbage and all
   * @param collection stops everybody for some tens of milliseconds
   */
  Tidying(LongSupplier usedBytes, Runnable collection) {
    this.usedBytes = usedBytes;
    this.collection = collection;
  }

  /** Tells how many of all sessions are parked, and collects if it is worth it. */
  void look(long parked, long all) {
    parkedLastTime = Math.min(parkedLastTime, parked);
    same = parked == all && parked == before ? same + 1 : 1;
    before = parked;
    boolean isAfterWave = parked == all && same >= SETTLED && parked - parkedLastTime >= WORTH_IT;
    if (isAfterWave || isMostlyGarbage()) {
      parkedLastTime = parked;
      collection.run();
      aliveBytes = usedBytes.getAsLong();
    }
  }

  private boolean isMostlyGarbage() {
    return usedBytes.getAsLong() - aliveBytes > Math.max(LEAST_GARBAGE, aliveBytes);
  }
}
