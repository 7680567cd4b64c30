package io.vela.bench;

import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import io.vela.config.value.Secret;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * The floor: the {@code postgres} binary on a data directory, with nothing of Vela around it. It
 * runs with the data directory's own configuration, but for where it listens.
 */
final class BarePostgres {
  private static final long RETRY_NANOS = 200_000;

  private final Path binary;
  private final Path data;
  private final Path run;
  private final ServiceUser user;
  private final List<String> settings;

  /**
   * @param binary the program {@code postgres}
   * @param data a data directory that was stopped cleanly
   * @param run a folder of the user's own, for socket, rules and log
   * @param settings more words for the command line
   */
  BarePostgres(Path binary, Path data, Path run, ServiceUser user, List<String> settings)
      throws IOException {
    this.binary = binary;
    this.data = data;
    this.run = Files.createDirectories(run);
    this.user = user;
    this.settings = List.copyOf(settings);
    Files.writeString(
        run.resolve("hba"), "local all all trust\nhost all bench 127.0.0.1/32 scram-sha-256\n");
    user.own(run);
  }

  /** Where it listens on a Unix socket. */
  Path socketFolder() {
    return run;
  }

  /** Milliseconds from the start of the process to the first row; it is stopped again. */
  double startToFirstRow() throws IOException, InterruptedException {
    long begin = System.nanoTime();
    try (var server = start(begin)) {
      return server.millisToFirstRow;
    }
  }

  /** Starts it and waits until it serves. */
  Server start() throws IOException, InterruptedException {
    return start(System.nanoTime());
  }

  private Server start(long begin) throws IOException, InterruptedException {
    var words =
        new ArrayList<>(
            List.of(
                binary.toString(),
                "-D",
                data.toString(),
                "-k",
                run.toString(),
                "-c",
                "hba_file=" + run.resolve("hba")));
    words.addAll(settings.isEmpty() ? List.of("-c", "listen_addresses=") : settings);
    var process = Command.of(user.wrap(words)).start(run.resolve("log"));
    var port = words.contains("-p") ? words.get(words.indexOf("-p") + 1) : "5432";
    var client =
        new FirstRow(
            UnixDomainSocketAddress.of(run.resolve(".s.PGSQL." + port)),
            new FirstRow.Account("postgres", new Secret("")),
            "postgres");
    return await(process, client, begin);
  }

  private Server await(Process process, FirstRow client, long begin) throws IOException {
    boolean ready = false;
    try {
      while (true) {
        try {
          client.fetch();
          ready = true;
          return new Server(process, client, (System.nanoTime() - begin) / 1e6);
        } catch (IOException e) {
          if (!process.isAlive()) {
            throw new IOException(
                "bare postgres did not start: " + Files.readString(run.resolve("log")), e);
          }
          LockSupport.parkNanos(RETRY_NANOS);
        }
      }
    } finally {
      if (!ready) {
        process.destroy();
      }
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
          throw new IOException("bare postgres did not stop within 30 s");
        }
      } catch (InterruptedException e) {
        process.destroyForcibly();
        Thread.currentThread().interrupt();
      }
    }
  }
}
