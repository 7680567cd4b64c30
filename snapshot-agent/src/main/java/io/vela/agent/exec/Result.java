package io.vela.agent.exec;

import java.time.Duration;

/** How a {@link Command} ended. Of each output the last {@link #KEPT_BYTES} are kept. */
public sealed interface Result {
  /** How much of stdout and of stderr is kept. */
  int KEPT_BYTES = 64 * 1024;

  /** What it wrote to stdout, or the end of it. */
  String stdout();

  /** What it wrote to stderr, or the end of it. */
  String stderr();

  /** Whether it ran to its end with exit code 0. */
  boolean ok();

  /** What went wrong, on one line, for a person; to be used when not {@link #ok}. */
  String problem();

  /** All that a person may want to read about a failure: stderr, else stdout. */
  default String detail() {
    return stderr().isBlank() ? stdout().strip() : stderr().strip();
  }

  /**
   * It ran to its end.
   *
   * @param program what ran
   * @param code its exit code; 128 + the signal's number when a signal ended it
   */
  record Exited(String program, int code, String stdout, String stderr) implements Result {
    @Override
    public boolean ok() {
      return code == 0;
    }

    @Override
    public String problem() {
      var last = detail().lines().reduce("", (before, line) -> line.isBlank() ? before : line);
      return last.isEmpty()
          ? "%s ended with exit code %d".formatted(program, code)
          : "%s ended with exit code %d: %s".formatted(program, code, last.strip());
    }
  }

  /**
   * It could not be started.
   *
   * @param program what was to run
   * @param reason why not
   */
  record NotStarted(String program, String reason) implements Result {
    @Override
    public String stdout() {
      return "";
    }

    @Override
    public String stderr() {
      return "";
    }

    @Override
    public boolean ok() {
      return false;
    }

    @Override
    public String problem() {
      return "%s could not be started: %s".formatted(program, reason);
    }
  }

  /**
   * It was killed because it took too long.
   *
   * @param program what ran
   * @param timeout how long it was given
   */
  record TimedOut(String program, Duration timeout, String stdout, String stderr)
      implements Result {
    @Override
    public boolean ok() {
      return false;
    }

    @Override
    public String problem() {
      return "%s did not end within %d ms and was killed".formatted(program, timeout.toMillis());
    }
  }
}
