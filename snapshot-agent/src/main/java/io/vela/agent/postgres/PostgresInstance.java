package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StartFailed;
import io.vela.agent.CloneFailure.StartTimedOut;
import io.vela.agent.CloneFailure.StopFailed;
import io.vela.agent.CloneFailure.StopTimedOut;
import io.vela.agent.RunningAs;
import io.vela.agent.StopMode;
import io.vela.agent.exec.ProcessSignal;
import io.vela.agent.isolation.Launch;
import io.vela.agent.isolation.Launched;
import io.vela.agent.isolation.Launcher;
import io.vela.config.ResourceLimits;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
import java.util.stream.Stream;

/**
 * A running Postgres: one that this Vela started, or one that outlived the Vela that did.
 *
 * <p>Starting is the wake that a client waits for, so it does nothing besides: one process, no SQL,
 * no fsync, and the state is read from {@code postmaster.pid}. Any thread; methods block.
 */
public final class PostgresInstance {
  private static final String DEFAULT_PORT = String.valueOf(InstanceFiles.PORT);
  private static final Duration POLL = Duration.ofMillis(1);
  private static final Duration STOP_OF_FAILED_START = Duration.ofSeconds(10);

  /** A postmaster that was killed leaves children that end within moments. */
  private static final String STILL_IN_USE = "pre-existing shared memory block";

  private static final Duration RETRY = Duration.ofMillis(100);

  private final InstanceFiles files;
  private final String port;
  private final Launched launched;

  /** The process with which all of the instance ends; empty when it has ended already. */
  private final Optional<ProcessHandle> root;

  private final CompletableFuture<Optional<ProcessHandle>> postmaster = new CompletableFuture<>();
  private final CompletableFuture<Ended> ended;
  private final RecoveryWatch recovery = new RecoveryWatch();
  private volatile boolean stopRequested;

  /**
   * How it ended.
   *
   * @param requested whether {@link #stop} asked for it
   * @param logTail the last lines of its log
   */
  public record Ended(boolean requested, String logTail) {}

  private PostgresInstance(InstanceFiles files, String port, Launched launched) {
    this.files = files;
    this.port = port;
    this.launched = launched;
    this.root = ProcessHandle.of(launched.root());
    this.ended =
        launched
            .ended()
            .<Ended>thenApply(ignored -> new Ended(stopRequested, logTail()))
            .toCompletableFuture();
  }

  /** Starts a server that needs no network. */
  public static PostgresInstance start(
      Installation installation,
      Launcher launcher,
      InstanceFiles files,
      Map<String, String> settings,
      Duration timeout)
      throws CloneException, InterruptedException {
    return start(installation, launcher, files, settings, false, ResourceLimits.NONE, timeout);
  }

  /**
   * Starts a server and waits until it accepts connections.
   *
   * @param settings given on the command line; see {@link Guard#settings}
   * @param hostNetwork whether it is in the host's network
   * @param limits what its processes may take of the host
   * @param timeout how long that may take, recovery included; then it is stopped
   * @throws CloneException with {@link StartFailed} or {@link StartTimedOut}, which carry the last
   *     lines of its log
   * @throws InterruptedException when the calling thread was interrupted; it has been stopped
   */
  public static PostgresInstance start(
      Installation installation,
      Launcher launcher,
      InstanceFiles files,
      Map<String, String> settings,
      boolean hostNetwork,
      ResourceLimits limits,
      Duration timeout)
      throws CloneException, InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    var arguments = new ArrayList<>(List.of("-D", files.data().toString()));
    arguments.addAll(Guard.arguments(settings));
    arguments.addAll(Guard.arguments(launcher.serverSettings()));
    var launch =
        new Launch(
            files.data(),
            files.runFiles(),
            installation.folder(),
            installation.program("postgres"),
            arguments,
            hostNetwork,
            limits);
    while (true) {
      var instance = launch(launcher, files, settings.getOrDefault("port", DEFAULT_PORT), launch);
      try {
        if (instance.awaitReady(deadline, timeout)) {
          return instance;
        }
      } catch (CloneException | InterruptedException e) {
        instance.abandon(e);
        throw e;
      }
      var tail = instance.logTail();
      if (!tail.contains(STILL_IN_USE) || System.nanoTime() > deadline) {
        throw new CloneException(new StartFailed("Postgres did not start", tail));
      }
      Thread.sleep(RETRY);
    }
  }

  private static PostgresInstance launch(
      Launcher launcher, InstanceFiles files, String port, Launch launch) throws CloneException {
    try {
      removeStateOfTheLastServer(files.data());
      files.prepareRun();
      return new PostgresInstance(files, port, launcher.launch(launch));
    } catch (IOException e) {
      throw new CloneException(
          new StartFailed("Postgres could not be started", String.valueOf(e.getMessage())), e);
    }
  }

  /**
   * One that was killed leaves a file that says that it is ready. What it says of processes means
   * nothing in a namespace of their own; a server that somebody else started on the data is heeded.
   */
  private static void removeStateOfTheLastServer(Path data) throws IOException {
    var left = PostmasterFile.read(data);
    if (left.flatMap(file -> RunningProcesses.find(file.pid()))
        .filter(process -> process.serves(data))
        .isPresent()) {
      throw new IOException("a server that Vela did not start runs on " + data);
    }
    Files.deleteIfExists(data.resolve(PostmasterFile.NAME));
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
      Launcher launcher, InstanceFiles files, Duration timeout)
      throws CloneException, InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    var found = find(launcher, files);
    return found.isPresent() && found.get().awaitReady(deadline, timeout)
        ? found
        : Optional.empty();
  }

  /** The server that runs on a data directory, ready or not; empty when none does. */
  public static Optional<PostgresInstance> find(Launcher launcher, InstanceFiles files)
      throws CloneException {
    try {
      return launcher
          .adopt(files.runFiles())
          .map(launched -> new PostgresInstance(files, DEFAULT_PORT, launched));
    } catch (IOException e) {
      throw new CloneException(
          new StartFailed("a running Postgres cannot be found again", e.toString()), e);
    }
  }

  /**
   * Whether it became ready; it has ended when not.
   *
   * @throws CloneException with {@link StartTimedOut} when neither has come in time
   */
  private boolean awaitReady(long deadline, Duration timeout)
      throws CloneException, InterruptedException {
    try (var watch = new PostmasterWatch(files.data())) {
      while (!ended.isDone()) {
        if (watch.isReady()) {
          publishSocket();
          launched.serves();
          Thread.ofVirtual().start(() -> postmaster.complete(findPostmaster()));
          return true;
        }
        if (System.nanoTime() > deadline) {
          throw new CloneException(new StartTimedOut(timeout, waits(), logTail()));
        }
        Thread.sleep(POLL);
      }
      return false;
    } catch (IOException e) {
      throw new CloneException(
          new StartFailed("the state of Postgres cannot be read", e.toString()), e);
    }
  }

  private void publishSocket() throws CloneException {
    try {
      files.publishSocket(port);
    } catch (IOException e) {
      throw new CloneException(
          new StartFailed("the socket of Postgres cannot be used", e.toString()), e);
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
    return !ended.isDone() && root.filter(ProcessSignal::reaches).isPresent();
  }

  /** What it was started with, as its process shows it; empty when that has ended. */
  public Optional<RunningAs> runningAs() {
    return postmaster()
        .flatMap(process -> RunningProcesses.find(process.pid()))
        .flatMap(
            running ->
                running
                    .network()
                    .map(network -> new RunningAs(Guard.durability(running.argv()), network)));
  }

  /**
   * Ends it when it recovers from a crash and gets nowhere; see {@link RecoveryWatch}. It has then
   * ended by itself. To be called every few seconds, by one thread at a time.
   *
   * @param timeout for its end, each way
   * @return whether it was ended
   * @throws CloneException when it does not end
   */
  public boolean endIfStuck(Duration timeout) throws CloneException {
    var process = postmaster();
    if (stopRequested
        || !isRunning()
        || process.isEmpty()
        || !recovery.isStuck(process.get().pid(), System.nanoTime())) {
      return false;
    }
    if (!endsBy(StopMode.IMMEDIATE, timeout) && !endsBy(StopMode.KILL, timeout)) {
      throw new CloneException(stopTimedOut(StopMode.KILL, timeout));
    }
    return true;
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
    var processes =
        root.stream()
            .flatMap(first -> Stream.concat(Stream.of(first), first.descendants()))
            .toList();
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
   * The process that signals are sent to. It is looked for as soon as the instance is ready: later
   * there may be no descriptor left to look with.
   */
  private Optional<ProcessHandle> postmaster() {
    return postmaster.getNow(findPostmaster());
  }

  private Optional<ProcessHandle> findPostmaster() {
    return ProcessHandle.of(launched.pid());
  }

  private void signal(ProcessSignal signal, Optional<ProcessHandle> to) throws CloneException {
    if (to.isPresent()) {
      signal(signal, to.get());
    }
  }

  private void signal(ProcessSignal signal, ProcessHandle to) throws CloneException {
    try {
      // One that is gone needs no signal.
      var _ = signal.send(to);
    } catch (IOException e) {
      throw new CloneException(
          new StopFailed("no signal could be sent to Postgres", e.getMessage() + "\n" + logTail()),
          e);
    }
  }

  private StopTimedOut stopTimedOut(StopMode mode, Duration timeout) {
    return new StopTimedOut(mode, timeout, waits(), logTail());
  }

  /** Why its postmaster does nothing, where that can be seen. */
  private String waits() {
    return switch (postmaster().map(it -> ProcessState.of(it.pid())).orElse(ProcessState.OTHER)) {
      case STOPPED -> "its postmaster is stopped by a signal or a debugger";
      case UNINTERRUPTIBLE -> "its postmaster waits for a disk and cannot be interrupted";
      case OTHER -> "";
    };
  }

  private String logTail() {
    launched.drainLog();
    return files.logTail();
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
