package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StartFailed;
import io.vela.agent.CloneFailure.StartTimedOut;
import io.vela.agent.CloneFailure.StopTimedOut;
import io.vela.agent.exec.Command;
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

  private final Installation installation;
  private final ServiceUser user;
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

  private PostgresInstance(
      Installation installation,
      ServiceUser user,
      InstanceFiles files,
      ProcessHandle process,
      CompletableFuture<?> exit) {
    this.installation = installation;
    this.user = user;
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
      var instance = launch(installation, user, files, command);
      if (instance.awaitReady(deadline, timeout)) {
        return instance;
      }
      var tail = files.logTail();
      if (!tail.contains(STILL_IN_USE) || System.nanoTime() > deadline) {
        throw new CloneException(new StartFailed("Postgres did not start", tail));
      }
      Thread.sleep(RETRY);
    }
  }

  private static PostgresInstance launch(
      Installation installation, ServiceUser user, InstanceFiles files, Command command)
      throws CloneException {
    try {
      files.prepareRun(user);
      var process = command.start(files.log());
      return new PostgresInstance(installation, user, files, process.toHandle(), process.onExit());
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
   */
  public static Optional<PostgresInstance> adopt(
      Installation installation,
      ServiceUser user,
      InstanceFiles files,
      List<RunningProcesses.Running> processes,
      Duration timeout)
      throws CloneException, InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    var serving = processes.stream().filter(process -> process.serves(files.data())).toList();
    var pids = serving.stream().map(process -> process.handle().pid()).toList();
    var found =
        serving.stream()
            // A child has its parent's command line until it has put its own title there.
            .filter(
                process -> process.handle().parent().filter(p -> pids.contains(p.pid())).isEmpty())
            .findFirst();
    if (found.isEmpty()) {
      return Optional.empty();
    }
    var handle = found.get().handle();
    var instance = new PostgresInstance(installation, user, files, handle, exit(found.get()));
    return instance.awaitReady(deadline, timeout) ? Optional.of(instance) : Optional.empty();
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
                while (process.isThere()) {
                  Thread.sleep(ADOPTED_POLL);
                }
                exit.complete(true);
              } catch (InterruptedException e) {
                exit.completeExceptionally(e);
              }
            });
    return exit;
  }

  /** Whether it became ready; it has ended when not. */
  private boolean awaitReady(long deadline, Duration timeout)
      throws CloneException, InterruptedException {
    while (!ended.isDone()) {
      if (isReady()) {
        return true;
      }
      if (System.nanoTime() > deadline) {
        abandon();
        throw new CloneException(new StartTimedOut(timeout, files.logTail()));
      }
      try {
        Thread.sleep(POLL);
      } catch (InterruptedException e) {
        abandon();
        throw e;
      }
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

  /** Ends a start that took too long; recovery goes on where it was at the next one. */
  private void abandon() throws CloneException {
    stopRequested = true;
    signal("QUIT");
    awaitEnd(STOP_OF_FAILED_START);
  }

  /** Where it is. */
  public InstanceFiles files() {
    return files;
  }

  /** Whether its postmaster lives. */
  public boolean isRunning() {
    return !ended.isDone() && process.isAlive();
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
    if (!isRunning()) {
      return;
    }
    stopRequested = true;
    signal("INT");
    if (!awaitEnd(timeout)) {
      throw new CloneException(new StopTimedOut(timeout, files.logTail()));
    }
  }

  /** Sent as the user that owns the process, so that a reused process id harms nobody else. */
  private void signal(String name) throws CloneException {
    boolean interrupted = Thread.interrupted();
    try {
      var argv =
          List.of(
              installation.program("pg_ctl").toString(),
              "kill",
              name,
              String.valueOf(process.pid()));
      var result = Command.of(user.wrap(argv)).run();
      if (!result.ok() && isRunning()) {
        throw new CloneException(
            new StopTimedOut(Duration.ZERO, "no signal could be sent: " + result.problem()));
      }
    } catch (InterruptedException e) {
      interrupted = true;
      throw new CloneException(
          new StopTimedOut(Duration.ZERO, "interrupted before a signal was sent"), e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
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
