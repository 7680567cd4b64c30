package io.vela.agent.isolation;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * Waits for a thread that does some system calls. It takes a moment and uses descriptors of whoever
 * waits, so an interruption is kept for later and does not end the waiting.
 */
final class ThreadResult {
  private ThreadResult() {}

  /**
   * @param what went wrong when it fails, for a person
   */
  static <T> T of(CompletableFuture<T> future, String what) throws IOException {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return future.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      throw new IOException(what + ": " + e.getCause(), e.getCause());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
