package io.vela.bench;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** On Ctrl-C: lets the measuring thread clean up before the process ends. */
final class StopOnSignal {
  /** What a shell shows of a program that SIGINT ended. */
  static final int EXIT_CODE = 130;

  private static final Duration LIMIT = Duration.ofSeconds(90);

  private final Thread measuring;
  // Not the thread's end: it ends in System.exit, which waits for this very hook.
  private final CountDownLatch cleanedUp = new CountDownLatch(1);
  private volatile boolean asked;

  StopOnSignal(Thread measuring) {
    this.measuring = measuring;
    Runtime.getRuntime().addShutdownHook(new Thread(this::stop, "bench-interrupt"));
  }

  /** Whether the process has been told to end before it was done. */
  boolean isAsked() {
    return asked;
  }

  /** Nothing is left behind; the process may end. */
  void cleanedUp() {
    cleanedUp.countDown();
  }

  private void stop() {
    if (cleanedUp.getCount() == 0) {
      return;
    }
    asked = true;
    measuring.interrupt();
    try {
      cleanedUp.await(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
