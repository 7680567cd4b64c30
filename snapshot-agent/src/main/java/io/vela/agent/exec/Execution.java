package io.vela.agent.exec;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * One run of a started process on the calling thread, which also hands out the lines. Two threads
 * read the outputs into a bounded queue, so a slow consumer slows the process and fills no memory.
 */
final class Execution {
  private static final Duration SLICE = Duration.ofMillis(50);

  /**
   * How long an ended process's output is waited for: it stays open for as long as a program that
   * the process left behind has it.
   */
  private static final Duration LINGER = Duration.ofMillis(500);

  private static final Duration KILL_WAIT = Duration.ofSeconds(10);

  private final String program;
  private final Process process;
  private final Duration timeout;
  private final Consumer<String> lines;
  private final BlockingQueue<OutputReader.Event> events = new ArrayBlockingQueue<>(256);

  Execution(String program, Process process, Duration timeout, Consumer<String> lines) {
    this.program = program;
    this.process = process;
    this.timeout = timeout;
    this.lines = lines;
  }

  Result run(Optional<String> stdin) throws InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    var stdout = new OutputReader(process.getInputStream(), events);
    var stderr = new OutputReader(process.getErrorStream(), events);
    // Platform threads: a blocking read of a pipe holds a virtual thread's carrier.
    var out = Thread.ofPlatform().daemon().name("command-stdout").start(stdout);
    var err = Thread.ofPlatform().daemon().name("command-stderr").start(stderr);
    stdin.ifPresent(text -> Thread.ofPlatform().daemon().name("command-stdin").start(feed(text)));
    try {
      handOut(deadline);
      if (process.waitFor(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
        return new Result.Exited(program, process.exitValue(), stdout.kept(), stderr.kept());
      }
      kill();
      return new Result.TimedOut(program, timeout, stdout.kept(), stderr.kept());
    } finally {
      kill();
      out.interrupt();
      err.interrupt();
    }
  }

  /** Hands out lines until both outputs have ended, the process has, or the time is up. */
  private void handOut(long deadline) throws InterruptedException {
    int open = 2;
    long ended = 0;
    while (open > 0 && System.nanoTime() < deadline) {
      var event = events.poll(SLICE.toNanos(), TimeUnit.NANOSECONDS);
      switch (event) {
        case OutputReader.Line(var text) -> lines.accept(text);
        case OutputReader.End() -> open--;
        case null -> {
          if (!process.isAlive()) {
            ended = ended == 0 ? System.nanoTime() : ended;
            if (System.nanoTime() - ended > LINGER.toNanos()) {
              return;
            }
          }
        }
      }
    }
  }

  private Runnable feed(String text) {
    return () -> {
      try (var input = process.getOutputStream()) {
        input.write(text.getBytes(StandardCharsets.UTF_8));
      } catch (IOException e) {
        // It ended or closed its input without reading all; its exit code tells whether that is
        // an error.
      }
    };
  }

  /** Kills the process and all below it, and waits until it is gone, interrupted or not. */
  private void kill() {
    if (!process.isAlive()) {
      return;
    }
    var below = process.descendants().toList();
    process.destroyForcibly();
    below.forEach(ProcessHandle::destroyForcibly);
    // Neither call is interruptible: who cleans up after the process must not race with it.
    process.onExit().completeOnTimeout(process, KILL_WAIT.toMillis(), TimeUnit.MILLISECONDS).join();
  }
}
