package io.vela.cli.up;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jline.utils.Signals;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What SIGTERM, SIGINT and SIGHUP mean for a running Vela: the first of the former two has it end
 * its work in order, a second one has it wait for nobody; SIGHUP has it read its configuration
 * again. The process then ends by itself, with 0, where the JVM would say 128 + the signal's
 * number.
 */
final class StopSignal {
  private static final Logger log = LoggerFactory.getLogger(StopSignal.class);

  private final CountDownLatch asked = new CountDownLatch(1);
  private final AtomicReference<Runnable> hurry = new AtomicReference<>(() -> {});
  private final AtomicReference<Runnable> hangup = new AtomicReference<>(() -> {});
  private final Thread worker;
  private volatile boolean waiting;

  /** For the work of the calling thread, which is interrupted when it does not wait yet. */
  StopSignal() {
    this.worker = Thread.currentThread();
    on("TERM", this::stop);
    on("INT", this::stop);
    on("HUP", () -> hangup.get().run());
  }

  private static void on(String signal, Runnable action) {
    if (Signals.register(signal, action) == null) {
      log.warn("signal not handled name={}", signal);
    }
  }

  /** Returns when the process is told to stop. */
  void await() throws InterruptedException {
    waiting = true;
    asked.await();
  }

  /** Whether the process was told to stop. */
  boolean isAsked() {
    return asked.getCount() == 0;
  }

  /** Run on a second signal to stop. */
  void onHurry(Runnable action) {
    hurry.set(action);
  }

  /** Run on each SIGHUP. */
  void onHangup(Runnable action) {
    hangup.set(action);
  }

  private void stop() {
    if (isAsked()) {
      hurry.get().run();
      return;
    }
    asked.countDown();
    if (!waiting) {
      worker.interrupt();
    }
  }
}
