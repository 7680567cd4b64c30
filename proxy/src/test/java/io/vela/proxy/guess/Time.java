package io.vela.proxy.guess;

import com.github.benmanes.caffeine.cache.Ticker;
import java.time.Duration;
import java.util.Comparator;
import java.util.PriorityQueue;

/** Time that passes when it is told to. */
public final class Time implements Ticker, DelayedAction {
  private final PriorityQueue<Event> events =
      new PriorityQueue<>(Comparator.comparingLong(Event::at));
  private long now;

  private record Event(long at, Runnable action) {}

  @Override
  public long read() {
    return now;
  }

  @Override
  public void after(Duration time, Runnable action) {
    events.add(new Event(now + time.toNanos(), action));
  }

  /** Lets it pass, and what is due happen. */
  public void pass(Duration time) {
    long end = now + time.toNanos();
    for (var next = events.peek(); next != null && next.at() <= end; next = events.peek()) {
      now = next.at();
      events.remove().action().run();
    }
    now = end;
  }
}
