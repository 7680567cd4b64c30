package io.vela.proxy.session;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.ImmediateEventExecutor;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Bounds what a session waits for, one thing at a time. On its event loop only. */
final class SessionTimer {
  private static final Future<?> NONE = ImmediateEventExecutor.INSTANCE.newSucceededFuture(null);

  private final EventLoop eventLoop;
  private Future<?> running = NONE;

  SessionTimer(EventLoop eventLoop) {
    this.eventLoop = eventLoop;
  }

  /** Runs the event after that time, in place of what was started before. */
  void start(Duration time, Runnable event) {
    cancel();
    running = eventLoop.schedule(event, time.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** From now on nothing happens. */
  void cancel() {
    var _ = running.cancel(false);
    running = NONE;
  }
}
