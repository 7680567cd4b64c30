package io.vela.agent.storage.driver;

import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * Runs what stays in the kernel for long on a thread of its own: a virtual one would hold others.
 */
final class KernelThread {
  private KernelThread() {}

  /**
   * Waits for it, interrupted or not, so that it is known what there is; an interruption is kept.
   *
   * @param name of the thread
   * @throws IOException what the call threw
   */
  static <T> T call(String name, Callable<T> call) throws IOException {
    var task = new FutureTask<>(call);
    Thread.ofPlatform().daemon().name(name).start(task);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return task.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException failure) {
        throw failure;
      }
      throw new IllegalStateException("a call of the kernel threw", e.getCause());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
