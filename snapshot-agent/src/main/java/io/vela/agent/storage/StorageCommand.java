package io.vela.agent.storage;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.Result;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/**
 * Runs the commands of storage: with messages in English, because some are read, and with failures
 * as {@link CloneException}. An interrupt is one too; it stays set on the thread.
 */
public final class StorageCommand {
  /** How long a command may take that only changes metadata: it may wait for others' writes. */
  public static final Duration QUICK = Duration.ofMinutes(5);

  /** How long a command may take that moves data. */
  public static final Duration LONG = Duration.ofHours(12);

  private static final String VANISHED = "No such file or directory";

  private StorageCommand() {}

  /** Runs a command that only changes metadata and returns its stdout. */
  public static String run(String... argv) throws CloneException {
    return run(List.of(argv), QUICK);
  }

  /** Runs a command and returns its stdout. */
  public static String run(List<String> argv, Duration timeout) throws CloneException {
    var result = attempt(Command.of(argv).within(timeout), line -> {});
    if (!result.ok()) {
      throw failed(result);
    }
    return result.stdout();
  }

  /**
   * Runs a command that reads a volume which may be in use; that files go away under it is no
   * failure.
   *
   * @param lines told each line of output
   */
  public static void measure(List<String> argv, Consumer<String> lines) throws CloneException {
    var result = attempt(Command.of(argv).within(QUICK), lines);
    var onlyVanished =
        !result.stderr().isBlank()
            && result.stderr().lines().allMatch(line -> line.isBlank() || line.contains(VANISHED));
    if (!result.ok() && !onlyVanished) {
      throw failed(result);
    }
  }

  /** Undoes what a failure left. */
  @FunctionalInterface
  public interface CleanUp {
    /** Does it. */
    void run() throws CloneException;
  }

  /**
   * Cleans up after a failure, on an interrupted thread too; what goes wrong then is added to the
   * failure.
   */
  public static void cleanUp(CloneException failure, CleanUp action) {
    boolean interrupted = Thread.interrupted();
    try {
      action.run();
    } catch (CloneException e) {
      failure.addSuppressed(e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static Result attempt(Command command, Consumer<String> lines) throws CloneException {
    try {
      return command.env("LC_ALL", "C").run(lines);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CloneException(
          new StorageFailed("interrupted while running " + command.argv().getFirst(), ""), e);
    }
  }

  private static CloneException failed(Result result) {
    return new CloneException(new StorageFailed(result.problem(), result.detail()));
  }
}
