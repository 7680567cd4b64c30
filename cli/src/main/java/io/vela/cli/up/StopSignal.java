package io.vela.cli.up;

import java.util.concurrent.CountDownLatch;

/**
 * SIGTERM or SIGINT, by way of the JVM's shutdown: the work ends in order first, and then the
 * process ends with 0, where the JVM by itself would say 128 + the signal's number.
 */
final class StopSignal implements AutoCloseable {
  private final CountDownLatch asked = new CountDownLatch(1);
  private final CountDownLatch ended = new CountDownLatch(1);
  private final Thread worker;
  private volatile boolean waiting;

  /** For the work of the calling thread, which is interrupted when it does not wait yet. */
  StopSignal() {
    this.worker = Thread.currentThread();
    Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().name("stop").unstarted(this::stop));
  }

  /** Returns when the process is told to stop. */
  void await() throws InterruptedException {
    waiting = true;
    asked.await();
  }

  private void stop() {
    if (ended.getCount() == 0) {
      return;
    }
    asked.countDown();
    if (!waiting) {
      worker.interrupt();
    }
    try {
      ended.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    Runtime.getRuntime().halt(0);
  }

  /** The work has ended, of itself or because it was told to. */
  @Override
  public void close() {
    ended.countDown();
  }
}
