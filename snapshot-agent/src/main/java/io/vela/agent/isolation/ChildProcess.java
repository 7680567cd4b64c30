package io.vela.agent.isolation;

import io.vela.agent.isolation.SystemCalls.Call;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.CompletableFuture;

/** A process that Vela started and that is collected when it ends. */
final class ChildProcess {
  /** It only waits. */
  private static final long REAPER_STACK_BYTES = 64 << 10;

  private final long pid;
  private final CompletableFuture<Integer> exit = new CompletableFuture<>();

  /**
   * Waits for the process from here on, on a thread of its own: a virtual one would hold its
   * carrier in the kernel.
   */
  ChildProcess(long pid) {
    this.pid = pid;
    Thread.ofPlatform()
        .daemon()
        .stackSize(REAPER_STACK_BYTES)
        .name("reaper-" + pid)
        .start(this::collect);
  }

  private void collect() {
    var calls = new SystemCalls();
    try {
      var status = calls.allocate(Long.BYTES);
      calls.call(Call.WAIT4, pid, status.address());
      exit.complete(code(status.get(ValueLayout.JAVA_INT, 0)));
    } catch (SystemCallException e) {
      exit.completeExceptionally(e);
    }
  }

  /** The exit code as a shell tells it: 128 and the signal's number when a signal ended it. */
  private static int code(int status) {
    int signal = status & 0x7f;
    return signal == 0 ? status >> 8 & 0xff : 128 + signal;
  }

  long pid() {
    return pid;
  }

  /** Completes with its exit code when it has ended and was collected. */
  CompletableFuture<Integer> exit() {
    return exit;
  }
}
