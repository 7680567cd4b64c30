package io.vela.proxy.session;

/**
 * Gives the system back what a wave of sessions has left behind, while all are parked and nobody
 * waits: their backends lived long enough to be taken for lasting by the collector, which would not
 * look at them again before the heap is full. On one thread.
 */
final class Tidying {
  /** So many sessions parked since the last time are worth a collection. */
  private static final int WORTH_IT = 1_000;

  /** So many looks in a row must find the same: connections take a moment to be gone. */
  private static final int SETTLED = 4;

  private final Runnable collection;
  private long parkedLastTime;
  private long before;
  private int same;

  /**
   * @param collection stops everybody for some tens of milliseconds
   */
  Tidying(Runnable collection) {
    this.collection = collection;
  }

  /** Tells how many of all sessions are parked, and collects if it is worth it. */
  void look(long parked, long all) {
    parkedLastTime = Math.min(parkedLastTime, parked);
    same = parked == all && parked == before ? same + 1 : 1;
    before = parked;
    if (parked == all && same >= SETTLED && parked - parkedLastTime >= WORTH_IT) {
      parkedLastTime = parked;
      collection.run();
    }
  }
}
