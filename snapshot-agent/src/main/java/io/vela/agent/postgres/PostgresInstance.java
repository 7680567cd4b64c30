package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StartFailed;
import io.vela.agent.CloneFailure.StartTimedOut;
import io.vela.agent.CloneFailure.StopFailed;
import io.vela.agent.CloneFailure.StopTimedOut;
import io.vela.agent.StopMode;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.ProcessSignal;
import io.vela.agent.exec.ServiceUser;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/**
 * A running Postgres: one that this Vela started, or one that outlived the Vela that did.
 *
 * <p>Starting is the wake that a client waits for, so it does nothing besides: one process, no SQL,
 * no fsync, and the state is read from {@code postmaster.pid}. Any thread; methods block.
 */
public final class PostgresInstance {
  private static final Duration POLL = Duration.ofMillis(1);
  private static final Duration ADOPTED_POLL = Duration.ofMillis(100);
  private static final Duration STOP_OF_FAILED_START = Duration.ofSeconds(10);

  /** A postmaster that was killed leaves children that end within moments. */
  private static final String STILL_IN_USE = "pre-existing shared memory block";

  private static final Duration RETRY = Duration.ofMillis(100);

  private final InstanceFiles files;
  private final ProcessHandle process;
  private final CompletableFuture<Ended> ended;
  private volatile boolean stopRequested;

  /**
   * How it ended.
   *
   * @param requested whether {@link #stop} asked for it
   * @param logTail the last lines of its log
   */
  public record Ended(boolean requested, String logTail) {}

  private PostgresInstance(InstanceFiles files, ProcessHandle process, CompletableFuture<?> exit) {
    this.files = files;
    this.process = process;
    this.ended = exit.thenApply(ignored -> new Ended(stopRequested, files.logTail()));
  }

  /**
   * Starts a server and waits until it accepts connections.
   *
   * @param settings given on the command line; see {@link Guard#settings}
   * @param timeout how long that may take, recovery included; then it is stopped
   * @throws CloneException with {@link StartFailed} or {@link StartTimedOut}, which carry the last
   *     lines of its log
   * @throws InterruptedException when the calling thread was interrupted; it has been stopped
   */
  public static PostgresInstance start(
      Installation installation,
      ServiceUser user,
      InstanceFiles files,
      Map<String, String> settings,
      Duration timeout)
      throws CloneException, InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    var argv = new ArrayList<>(List.of(installation.program("postgres").toString()));
    argv.addAll(List.of("-D", files.data().toString()));
    argv.addAll(Guard.arguments(settings));
    // A Postgres built with systemd would report itself as the service that Vela is.
    var command = Command.of(user.wrap(argv)).env("NOTIFY_SOCKET", "");
    while (true) {
      var instance = launch(user, files, command);
      try {
        if (instance.awaitReady(deadline, timeout)) {
          return instance;
        }
      } catch (CloneException | InterruptedException e) {
        instance.abandon(e);
        throw e;
      }
      var tail = files.logTail();
      if (!tail.contains(STILL_IN_USE) || System.nanoTime() > deadline) {
        throw new CloneException(new StartFailed("Postgres did not start", tail));
      }
      Thread.sleep(RETRY);
    }
  }

  private static PostgresInstance launch(ServiceUser user, InstanceFiles files, Command command)
      throws CloneException {
    try {
      files.prepareRun(user);
      var process = command.start(files.log());
      return new PostgresInstance(files, process.toHandle(), process.onExit());
    } catch (IOException e) {
      throw new CloneException(
          new StartFailed("Postgres could not be started", String.valueOf(e.getMessage())), e);
    }
  }

  /**
   * Takes over the server of an earlier Vela. One that is not ready is on its way up or down, which
   * is waited for.
   *
   * @param timeout how long that may take
   * @return empty when none runs on that data directory
   * @throws CloneException with {@link StartTimedOut}; it is left as it is
   */
  public static Optional<PostgresInstance> adopt(
      InstanceFiles files, List<RunningProcesses.Running> processes, Duration timeout)
      throws CloneException, InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    var found = find(files, processes);
    return found.isPresent() && found.get().awaitReady(deadline, timeout)
        ? found
        : Optional.empty();
  }

  /** The server that runs on a data directory, ready or not; empty when none does. */
  public static Optional<PostgresInstance> find(
      InstanceFiles files, List<RunningProcesses.Running> processes) {
    var serving = processes.stream().filter(process -> process.serves(files.data())).toList();
    var pids = serving.stream().map(process -> process.handle().pid()).toList();
    return serving.stream()
        // A child has its parent's command line until it has put its own title there.
        .filter(process -> process.handle().parent().filter(p -> pids.contains(p.pid())).isEmpty())
        .findFirst()
        .map(process -> new PostgresInstance(files, process.handle(), exit(process)));
  }

  /**
   * Completes when a process that is nobody's child here has ended. Java would look every five
   * seconds, and would wait for ever where nobody collects ended processes, as in a container
   * without an init.
   */
  private static CompletableFuture<Boolean> exit(RunningProcesses.Running process) {
    var exit = new CompletableFuture<Boolean>();
    Thread.ofVirtual()
        .name("adopted-" + process.handle().pid())
        .start(
            () -> {
              try {
                while (ProcessSignal.reaches(process.handle())) {
                  Thread.sleep(ADOPTED_POLL);
                }
                exit.complete(true);
              } catch (InterruptedException e) {
                exit.completeExceptionally(e);
              }
            });
    return exit;
  }

  /**
   * Whether it became ready; it has ended when not.
   *
   * @throws CloneException with {@link StartTimedOut} when neither has come in time
   */
  private boolean awaitReady(long deadline, Duration timeout)
      throws CloneException, InterruptedException {
    while (!ended.isDone()) {
      if (isReady()) {
        return true;
      }
      if (System.nanoTime() > deadline) {
        throw new CloneException(new StartTimedOut(timeout, waits(), files.logTail()));
      }
      Thread.sleep(POLL);
    }
    return false;
  }

  private boolean isReady() throws CloneException {
    try {
      return PostmasterFile.read(files.data())
          .filter(file -> file.pid() == process.pid() && file.isReady())
          .isPresent();
    } catch (IOException e) {
      throw new CloneException(
          new StartFailed("the state of Postgres cannot be read", e.toString()), e);
    }
  }

  /**
   * Ends a start that is given up; recovery goes on where it was at the next one. What does not end
   * by itself is killed: it has served nobody.
   *
   * @param cause why; what goes wrong here is added to it
   */
  private void abandon(Exception cause) {
    stopRequested = true;
    try {
      boolean over =
          endsBy(StopMode.IMMEDIATE, STOP_OF_FAILED_START)
              || endsBy(StopMode.KILL, STOP_OF_FAILED_START);
      if (!over) {
        cause.addSuppressed(new CloneException(stopTimedOut(StopMode.KILL, STOP_OF_FAILED_START)));
      }
    } catch (CloneException e) {
      cause.addSuppressed(e);
    }
  }

  /** Where it is. */
  public InstanceFiles files() {
    return files;
  }

  /** Whether its postmaster lives. */
  public boolean isRunning() {
    return !ended.isDone() && ProcessSignal.reaches(postmaster());
  }

  /** Completes when its postmaster has ended, whoever ended it. */
  public CompletionStage<Ended> ended() {
    return ended.minimalCompletionStage();
  }

  /**
   * Stops it cleanly: sessions are ended, a checkpoint is written (Postgres documentation, section
   * 18.5, "Fast Shutdown"). At once when it has ended.
   *
   * @throws CloneException with {@link StopTimedOut}; it goes on stopping
   */
  public void stop(Duration timeout) throws CloneException {
    stop(StopMode.FAST, timeout);
  }

  /**
   * Stops it that way. At once when it has ended.
   *
   * @throws CloneException with {@link StopTimedOut}; it goes on stopping
   */
  public void stop(StopMode mode, Duration timeout) throws CloneException {
    if (!isRunning()) {
      return;
    }
    stopRequested = true;
    if (!endsBy(mode, timeout)) {
      throw new CloneException(stopTimedOut(mode, timeout));
    }
  }

  private boolean endsBy(StopMode mode, Duration timeout) throws CloneException {
    return switch (mode) {
      case FAST -> {
        signal(ProcessSignal.INT, postmaster());
        yield awaitEnd(timeout);
      }
      case IMMEDIATE -> {
        signal(ProcessSignal.QUIT, postmaster());
        yield awaitEnd(timeout);
      }
      case KILL -> killed(timeout);
    };
  }

  private boolean killed(Duration timeout) throws CloneException {
    long deadline = System.nanoTime() + timeout.toNanos();
    // It starts no more processes while they are looked for.
    signal(ProcessSignal.STOP, postmaster());
    var processes = postmaster().descendants().toList();
    signal(ProcessSignal.KILL, postmaster());
    for (var process : processes) {
      signal(ProcessSignal.KILL, process);
    }
    boolean over = awaitEnd(timeout);
    while (over && processes.stream().anyMatch(ProcessSignal::reaches)) {
      over = System.nanoTime() < deadline;
      LockSupport.parkNanos(POLL.toNanos());
    }
    return over;
  }

  /**
   * The process that signals are sent to, whose end is the instance's end and whose descendants are
   * its processes.
   */
  private ProcessHandle postmaster() {
    return process;
  }

  private void signal(ProcessSignal signal, ProcessHandle to) throws CloneException {
    try {
      // One that is gone needs no signal.
      var _ = signal.send(to);
    } catch (IOException e) {
      throw new CloneException(
          new StopFailed(
              "no signal could be sent to Postgres", e.getMessage() + "\n" + files.logTail()),
          e);
    }
  }

  private StopTimedOut stopTimedOut(StopMode mode, Duration timeout) {
    return new StopTimedOut(mode, timeout, waits(), files.logTail());
  }

  /** Why its postmaster does nothing, where that can be seen. */
  private String waits() {
    return switch (ProcessState.of(postmaster().pid())) {
      case STOPPED -> "its postmaster is stopped by a signal or a debugger";
      case UNINTERRUPTIBLE -> "its postmaster waits for a disk and cannot be interrupted";
      case OTHER -> "";
    };
  }

  private boolean awaitEnd(Duration timeout) {
    long deadline = System.nanoTime() + timeout.toNanos();
    boolean interrupted = Thread.interrupted();
    try {
      while (true) {
        try {
          ended.get(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
          return true;
        } catch (InterruptedException e) {
          // The wait is bounded: it goes on, so that the server is known to have ended.
          interrupted = true;
        } catch (TimeoutException e) {
          return false;
        } catch (ExecutionException e) {
          throw new IllegalStateException("an exit cannot fail", e);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
