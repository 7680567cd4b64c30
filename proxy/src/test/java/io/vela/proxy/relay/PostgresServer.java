package io.vela.proxy.relay;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The system's Postgres 15 on a socket in a temporary directory; role and database {@code
 * postgres}.
 */
final class PostgresServer {
  private static final Path BINARIES = Path.of("/usr/lib/postgresql/15/bin");

  private final Path directory;

  PostgresServer() throws IOException, InterruptedException {
    directory = Files.createTempDirectory(Path.of("/tmp"), "vela-relay");
    run(List.of("chown", "postgres:postgres", directory.toString()));
    asPostgres("initdb", "--no-sync", "--auth=trust", "--pgdata", data());
    asPostgres(
        "pg_ctl",
        "start",
        "--wait",
        "--pgdata",
        data(),
        "--log",
        directory.resolve("log").toString(),
        "--options",
        "-k " + directory + " -c listen_addresses= -c fsync=off");
  }

  Path socket() {
    return directory.resolve(".s.PGSQL.5432");
  }

  void kill(int processId) throws IOException, InterruptedException {
    run(List.of("kill", "-KILL", String.valueOf(processId)));
  }

  void stop() throws IOException, InterruptedException {
    asPostgres("pg_ctl", "stop", "--mode=immediate", "--wait", "--pgdata", data());
    try (var files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private String data() {
    return directory.resolve("data").toString();
  }

  private void asPostgres(String program, String... arguments)
      throws IOException, InterruptedException {
    var command = new ArrayList<String>();
    if (System.getProperty("user.name").equals("root")) {
      command.addAll(List.of("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"));
    }
    command.add(BINARIES.resolve(program).toString());
    command.addAll(List.of(arguments));
    run(command);
  }

  private void run(List<String> command) throws IOException, InterruptedException {
    var output = Files.createTempFile("vela-relay", ".out");
    try {
      var process =
          new ProcessBuilder(command)
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();
      if (!process.waitFor(60, SECONDS) || process.exitValue() != 0) {
        process.destroyForcibly();
        throw new IOException(command + " failed: " + Files.readString(output, UTF_8));
      }
    } finally {
      Files.delete(output);
    }
  }
}
