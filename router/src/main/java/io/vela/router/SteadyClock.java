package io.vela.router;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;

/**
 * Time that passes as a stopwatch's does: it begins with the host's clock and goes on at the pace
 * of its monotonic one, whatever is set meanwhile by hand, by a time server or by moving a virtual
 * machine. All that is waited for or counted goes by it: how long a session is quiet, when a branch
 * sleeps, when something is tried again. What holds until a date (a token) goes by the host's
 * clock.
 */
public final class SteadyClock extends Clock {
  /** The one time of this process: sessions and branches are compared. */
  private static final SteadyClock OF_THIS_PROCESS = new SteadyClock(ZoneOffset.UTC);

  /** What two clocks may differ without its being told: they are not read at the same moment. */
  private static final Duration TELLING = Duration.ofSeconds(1);

  private final Instant began = Instant.now();
  private final long beganNanos = System.nanoTime();
  private final ZoneId zone;

  private SteadyClock(ZoneId zone) {
    this.zone = zone;
  }

  /** The one of this process. */
  public static SteadyClock get() {
    return OF_THIS_PROCESS;
  }

  @Override
  public ZoneId getZone() {
    return zone;
  }

  @Override
  public Clock withZone(ZoneId other) {
    throw new UnsupportedOperationException("instants have no zone");
  }

  @Override
  public Instant instant() {
    return began.plusNanos(System.nanoTime() - beganNanos);
  }

  @Override
  public long millis() {
    return began.toEpochMilli() + (System.nanoTime() - beganNanos) / 1_000_000;
  }

  /**
   * What a clock on the wall showed, or will show, at an instant of another clock, for a person.
   *
   * @param steady the clock that the instant is of
   * @param wall the one to read it on
   */
  public static Instant shown(Instant instant, Clock steady, Clock wall) {
    var set = Duration.between(steady.instant(), wall.instant());
    return set.abs().compareTo(TELLING) < 0 ? instant : instant.plus(set);
  }
}
