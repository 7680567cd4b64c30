package io.vela.bench;

import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import io.vela.config.value.Secret;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.UnixDomainSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * The floor: the {@code postgres} binary on a data directory, with the arguments of a branch and
 * nothing of Vela around it.
 *
 * <p>In the figure: {@code execve} of the program by a process that already has the service user's
 * ids, Postgres's own start until {@code postmaster.pid} says that it is ready, and then one client
 * that connects by the Unix socket, is trusted, and reads one row. The client waits for the file,
 * because each earlier attempt would cost Postgres a process that refuses it.
 *
 * <p>Not in the figure: making a process, leaving the terminal's session, changing ids ({@code
 * setsid}, {@code setpriv}), a log file of each start, access rules. What these cost a branch is
 * Vela's. They are done before the clock starts, by a shell that waits on a named pipe for one line
 * and then replaces itself with Postgres.
 */
final class BarePostgres {
  /** In the name of a branch's socket, and so of its floor's. */
  static final int PORT = 5432;

  private static final Duration POLL = Duration.ofNanos(200_000);
  private static final Duration START_LIMIT = Duration.ofMinutes(2);
  private static final int STATUS_LINE = 7;

  /** Becomes its arguments once a line has come; ends when nobody is left to write one. */
  private static final String SHELL =
      "exec <\"$0\"; echo waiting; read -r line || exit 1; exec \"$@\" </dev/null";

  private final List<String> words;
  private final BranchArguments.Files files;
  private final ServiceUser user;
  private final FirstRow client;
  private final Path pipe;
  private final Path log;

  /**
   * @param program {@code postgres}
   * @param data a data directory that was stopped cleanly and that nobody else uses meanwhile
   * @param run a folder of the user's own, for socket, rules and log
   * @param arguments of the branch beside which it is measured
   * @param port named in the socket's file; see {@code more}
   * @param more words for the end of the command line, where they win
   */
  BarePostgres(
      Path program,
      Path data,
      Path run,
      ServiceUser user,
      BranchArguments arguments,
      int port,
      List<String> more)
      throws IOException, InterruptedException {
    Files.createDirectories(run);
    this.files =
        new BranchArguments.Files(
            data,
            run,
            Files.writeString(
                run.resolve("hba"),
                "local all all trust\nhost all bench 127.0.0.1/32 scram-sha-256\n"),
            Files.writeString(run.resolve("ident"), ""));
    this.words = new ArrayList<>(arguments.with(program, files));
    this.words.addAll(more);
    this.user = user;
    this.pipe = run.resolve("pipe");
    this.log = run.resolve("log");
    this.client =
        new FirstRow(
            UnixDomainSocketAddress.of(run.resolve(".s.PGSQL." + port)),
            new FirstRow.Account("postgres", new Secret("")),
            "postgres");
    var made = Command.of("mkfifo", pipe.toString()).run();
    if (!made.ok()) {
      throw new IOException(made.problem() + "\n" + made.detail());
    }
    user.own(run);
  }

  /** Where it listens on a Unix socket. */
  Path socketFolder() {
    return files.run();
  }

  /** Milliseconds from {@code execve} to the first row; it is stopped again. */
  double startToFirstRow() throws IOException, InterruptedException {
    try (var prepared = prepare();
        var server = prepared.start()) {
      return server.millisToFirstRow;
    }
  }

  /** Starts it and waits until it serves. */
  Server start() throws IOException, InterruptedException {
    try (var prepared = prepare()) {
      return prepared.start();
    }
  }

  /**
   * Starts it once to see that it runs with all settings of a branch.
   *
   * @throws IllegalStateException when a setting differs
   */
  void requireSettingsOf(FirstRow branch) throws IOException, InterruptedException {
    try (var server = start()) {
      ServerSettings.of(server.client).requireSameAs(ServerSettings.of(branch));
    }
  }

  /** A shell of the service user that waits to become Postgres. */
  Prepared prepare() throws IOException, InterruptedException {
    Files.deleteIfExists(log);
    // Opened for both, so that neither side's opening waits for the other.
    var line = new RandomAccessFile(pipe.toFile(), "rw");
    boolean ready = false;
    try {
      var argv = new ArrayList<>(List.of("/bin/sh", "-c", SHELL, pipe.toString()));
      argv.addAll(words);
      // As for a branch: a Postgres built with systemd would report to it.
      var process = Command.of(user.wrap(argv)).env("NOTIFY_SOCKET", "").start(log);
      long deadline = System.nanoTime() + START_LIMIT.toNanos();
      while (Files.size(log) == 0) {
        check(process, deadline);
        Thread.sleep(POLL);
      }
      ready = true;
      return new Prepared(process, line);
    } finally {
      if (!ready) {
        line.close();
      }
    }
  }

  private void check(Process process, long deadline) throws IOException {
    if (!process.isAlive() || System.nanoTime() > deadline) {
      throw new IOException("bare Postgres did not start: " + Files.readString(log));
    }
  }

  /** Whether that process has written that it accepts connections, and not another server. */
  private boolean isReady(Process process) throws IOException {
    try {
      var lines =
          new String(
                  Files.readAllBytes(files.data().resolve("postmaster.pid")),
                  StandardCharsets.UTF_8)
              .split("\n", -1);
      return lines.length > STATUS_LINE
          && lines[0].strip().equals(Long.toString(process.pid()))
          && lines[STATUS_LINE].strip().equals("ready");
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  /** A process that waits to become Postgres. Closed without having been started, it ends. */
  final class Prepared implements AutoCloseable {
    private final Process process;
    private final RandomAccessFile line;

    private Prepared(Process process, RandomAccessFile line) {
      this.process = process;
      this.line = line;
    }

    /** Starts Postgres, once, and waits until it has served a client. */
    Server start() throws IOException, InterruptedException {
      boolean ready = false;
      try {
        long begin = System.nanoTime();
        line.write('\n');
        long deadline = begin + START_LIMIT.toNanos();
        while (!isReady(process)) {
          check(process, deadline);
          Thread.sleep(POLL);
        }
        client.fetch();
        double millis = (System.nanoTime() - begin) / 1e6;
        ready = true;
        return new Server(process, client, millis);
      } finally {
        if (!ready) {
          process.destroy();
        }
      }
    }

    @Override
    public void close() throws IOException {
      line.close();
    }
  }

  /** One that runs. Closing stops it: without clients, Postgres's smart shutdown is at once. */
  static final class Server implements AutoCloseable {
    private final Process process;
    private final FirstRow client;
    private final double millisToFirstRow;

    private Server(Process process, FirstRow client, double millisToFirstRow) {
      this.process = process;
      this.client = client;
      this.millisToFirstRow = millisToFirstRow;
    }

    /** Milliseconds from then to the first row of each of so many clients that come at once. */
    List<Double> firstRows(int clients, long begin) throws Exception {
      var millis = new ArrayList<Double>();
      try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
        var running = new ArrayList<Future<Double>>();
        for (int i = 0; i < clients; i++) {
          running.add(
              threads.submit(
                  () -> {
                    client.fetch();
                    return (System.nanoTime() - begin) / 1e6;
                  }));
        }
        for (var one : running) {
          millis.add(one.get());
        }
      }
      return millis;
    }

    @Override
    public void close() throws IOException {
      process.destroy();
      try {
        if (!process.waitFor(30, TimeUnit.SECONDS)) {
          process.destroyForcibly();
          throw new IOException("bare Postgres did not stop within 30 s");
        }
      } catch (InterruptedException e) {
        process.destroyForcibly();
        Thread.currentThread().interrupt();
      }
    }
  }
}
