package io.vela.proxy.guess;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Does something later. What it is given is short and does not block. */
@FunctionalInterface
public interface DelayedAction {
  /** By the system's monotonic clock, on a thread that the JDK has for that. */
  DelayedAction SYSTEM =
      (time, action) ->
          CompletableFuture.delayedExecutor(time.toNanos(), TimeUnit.NANOSECONDS, Runnable::run)
              .execute(action);

  /** Returns at once. */
  void after(Duration time, Runnable action);
}
