package io.vela.agent.exec;

import java.io.File;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A program to run with its arguments; never a shell string. The only place that starts processes.
 *
 * <p>Instances are immutable. Running blocks: call it on a virtual thread or another thread that
 * may wait.
 *
 * @param argv program and arguments; a program without a slash is looked up by {@link Programs}
 * @param environment added to Vela's own environment
 * @param directory the working directory; Vela's own when empty
 * @param timeout after which the program and all it started are killed; holds for {@code run} only
 * @param stdin what the program reads; nothing when empty
 */
public record Command(
    List<String> argv,
    Map<String, String> environment,
    Optional<Path> directory,
    Duration timeout,
    Optional<String> stdin) {
  /** How long a command may run that sets no timeout of its own. */
  public static final Duration DEFAULT_TIMEOUT = Duration.ofMinutes(1);

  private static final File NOTHING = new File("/dev/null");

  /**
   * @throws IllegalArgumentException without a program
   */
  public Command {
    if (argv.isEmpty()) {
      throw new IllegalArgumentException("no program to run");
    }
    argv = List.copyOf(argv);
    environment = Map.copyOf(environment);
  }

  /** Runs a program with these arguments. */
  public static Command of(List<String> argv) {
    return new Command(argv, Map.of(), Optional.empty(), DEFAULT_TIMEOUT, Optional.empty());
  }

  /** Runs a program with these arguments. */
  public static Command of(String... argv) {
    return of(List.of(argv));
  }

  /** The same with a variable added to the environment. */
  public Command env(String name, String value) {
    var added = new LinkedHashMap<>(environment);
    added.put(name, value);
    return new Command(argv, added, directory, timeout, stdin);
  }

  /** The same in that working directory. */
  public Command in(Path folder) {
    return new Command(argv, environment, Optional.of(folder), timeout, stdin);
  }

  /** The same with that timeout. */
  public Command within(Duration limit) {
    return new Command(argv, environment, directory, limit, stdin);
  }

  /** The same with that text to read, as UTF-8. */
  public Command reading(String text) {
    return new Command(argv, environment, directory, timeout, Optional.of(text));
  }

  /**
   * Runs the program to its end.
   *
   * @throws InterruptedException when the calling thread was interrupted; the program and all it
   *     started have been killed
   */
  public Result run() throws InterruptedException {
    return run(line -> {});
  }

  /**
   * Runs the program to its end and hands over each line of its output as it comes.
   *
   * @param lines called on the calling thread with each line that is not empty, of both stdout and
   *     stderr; a line ends with {@code \n} or {@code \r}, so that progress redrawn in place is
   *     seen
   * @throws InterruptedException as for {@link #run()}
   */
  public Result run(Consumer<String> lines) throws InterruptedException {
    Process process;
    try {
      var builder = builder(argv);
      if (stdin.isEmpty()) {
        builder.redirectInput(Redirect.from(NOTHING));
      }
      process = builder.start();
    } catch (IOException e) {
      return new Result.NotStarted(argv.getFirst(), reason(e));
    }
    return new Execution(argv.getFirst(), process, timeout, lines).run(stdin);
  }

  /**
   * Starts a program that outlives Vela: in a session of its own, so that no Ctrl-C at Vela's
   * terminal reaches it, with nothing to read, and both outputs appended to a file.
   *
   * @param output file that is made when missing, owned by Vela's user
   * @return the program itself, not a wrapper: {@code setsid} replaces itself with it
   * @throws IOException when it cannot be started
   */
  public Process start(Path output) throws IOException {
    var detached = new ArrayList<String>();
    detached.add("setsid");
    detached.addAll(argv);
    if (!argv.getFirst().contains("/")) {
      // A missing program would otherwise be seen only as setsid's exit code.
      detached.set(1, Programs.require(argv.getFirst()).toString());
    }
    return builder(detached)
        .redirectInput(Redirect.from(NOTHING))
        .redirectErrorStream(true)
        .redirectOutput(Redirect.appendTo(output.toFile()))
        .start();
  }

  private ProcessBuilder builder(List<String> words) throws IOException {
    var resolved = new ArrayList<>(words);
    if (!words.getFirst().contains("/")) {
      resolved.set(0, Programs.require(words.getFirst()).toString());
    }
    var builder = new ProcessBuilder(resolved);
    directory.ifPresent(folder -> builder.directory(folder.toFile()));
    builder.environment().put("PATH", Programs.searchPath());
    builder.environment().putAll(environment);
    return builder;
  }

  private static String reason(IOException e) {
    return Optional.ofNullable(e.getMessage()).orElseGet(e::toString);
  }

  /** The words of the command; the environment and the input may hold secrets and are left out. */
  @Override
  public String toString() {
    return String.join(" ", argv);
  }
}
