package io.vela.cli.up;

import io.vela.agent.CloneException;
import io.vela.router.RouteException;
import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Work of the start that goes on beside other work, each on a virtual thread of its own. None of it
 * outlives this: closing interrupts what still goes on, as after a failure, and waits for its end.
 */
final class StartupTasks implements AutoCloseable {
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  <T> Future<T> begin(Callable<T> work) {
    return threads.submit(work);
  }

  /** Waits for work that was begun; its failure is thrown here. */
  static <T> T result(Future<T> work)
      throws CloneException, RouteException, IOException, InterruptedException {
    try {
      return work.get();
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case CloneException failure -> throw failure;
        case RouteException failure -> throw failure;
        case IOException failure -> throw failure;
        case InterruptedException failure -> throw failure;
        case RuntimeException failure -> throw failure;
        case Error failure -> throw failure;
        case null, default -> throw new IllegalStateException(e);
      }
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
    threads.close();
  }
}
