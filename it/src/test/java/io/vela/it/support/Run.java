package io.vela.it.support;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A program run to its end, bounded in time. */
public final class Run {
  private static final Duration LIMIT = Duration.ofMinutes(3);

  private Run() {}

  /**
   * What came of it.
   *
   * @param code exit code
   * @param out standard output
   * @param err standard error
   */
  public record Outcome(int code, String out, String err) {
    /** Standard output, stripped, of a program that must have succeeded. */
    public String text() {
      if (code != 0) {
        throw new AssertionError("exit code " + code + "\n" + out + "\n" + err);
      }
      return out.strip();
    }
  }

  /** Runs a program with additions to the environment. */
  public static Outcome program(Map<String, String> environment, List<String> command) {
    try {
      return await(start(environment, command));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Runs a program. */
  public static Outcome program(String... command) {
    return program(Map.of(), List.of(command));
  }

  /** Starts a program whose output is awaited later with {@link #await}. */
  public static Started start(Map<String, String> environment, List<String> command) {
    try {
      var out = Files.createTempFile("vela-it", ".out");
      var err = Files.createTempFile("vela-it", ".err");
      var builder =
          new ProcessBuilder(command)
              .redirectInput(Path.of("/dev/null").toFile())
              .redirectOutput(out.toFile())
              .redirectError(err.toFile());
      builder.environment().putAll(environment);
      return new Started(builder.start(), out, err, command);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Awaits the end of a started program and reads what it said. */
  public static Outcome await(Started started) throws InterruptedException {
    try {
      if (!started.process.waitFor(LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
        started.process.destroyForcibly();
        throw new AssertionError(
            started.command
                + " did not end within "
                + LIMIT
                + "\n"
                + Files.readString(started.out)
                + Files.readString(started.err));
      }
      var outcome =
          new Outcome(
              started.process.exitValue(),
              Files.readString(started.out, UTF_8),
              Files.readString(started.err, UTF_8));
      Files.deleteIfExists(started.out);
      Files.deleteIfExists(started.err);
      return outcome;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * A program under way.
   *
   * @param process the process
   * @param out file with its standard output
   * @param err file with its standard error
   * @param command what was started
   */
  public record Started(Process process, Path out, Path err, List<String> command) {}
}
