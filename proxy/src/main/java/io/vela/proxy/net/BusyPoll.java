package io.vela.proxy.net;

import io.netty.channel.SelectStrategy;
import io.netty.util.IntSupplier;
import io.netty.util.concurrent.FastThreadLocal;

/**
 * Has an event loop look for more, for a moment, before it sleeps. A client's next message, or
 * Postgres's answer, often comes within microseconds, and waking a thread costs more than that: on
 * a virtual machine it takes an interrupt to another core. Between two looks the core is offered to
 * whoever else is ready to run, so nothing waits for this.
 *
 * <p>Looking in vain, time and again, makes it rare: a loop that serves a client a second sleeps.
 * One object an event loop, on its thread.
 */
public final class BusyPoll implements SelectStrategy {
  /** About what sleeping and being woken costs. */
  private static final long POLL_NANOS = 50_000;

  /** How many polls in vain, less those that paid, it takes to make polling rare. */
  private static final int PATIENCE = 64;

  /** Then only one wait in so many is polled, to see whether it pays again. */
  private static final int PROBE_EVERY = 64;

  private static final FastThreadLocal<BusyPoll> OF_THREAD = new FastThreadLocal<>();

  private int vain;
  private int waits;
  private boolean skipping;

  BusyPoll() {}

  /** Has the event loop whose thread this is not look before it sleeps next. */
  public static void skip() {
    var own = OF_THREAD.getIfExists();
    if (own != null) {
      own.skipping = true;
    }
  }

  @Override
  public int calculateStrategy(IntSupplier selectNow, boolean hasTasks) throws Exception {
    int ready = selectNow.get();
    if (ready > 0 || hasTasks) {
      return ready;
    }
    if (waits == 0) {
      OF_THREAD.set(this);
    }
    waits++;
    if (skipping) {
      skipping = false;
      return SELECT;
    }
    if (vain >= PATIENCE && waits % PROBE_EVERY != 0) {
      return SELECT;
    }
    ready = poll(selectNow);
    if (ready > 0) {
      vain = Math.max(0, vain - 2);
      return ready;
    }
    vain = Math.min(PATIENCE, vain + 1);
    return SELECT;
  }

  @SuppressWarnings("ThreadPriorityCheck") // to give way is what it is for
  private static int poll(IntSupplier selectNow) throws Exception {
    long end = System.nanoTime() + POLL_NANOS;
    int ready;
    do {
      Thread.yield();
      ready = selectNow.get();
    } while (ready == 0 && System.nanoTime() < end);
    return ready;
  }
}
