package io.vela.router.catalog;

import io.vertx.pgclient.PgConnectOptions;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.postgresql.ds.PGSimpleDataSource;

/** A Postgres 15 of the system for one test class: Unix socket, and loopback for JDBC. */
final class CatalogServer implements AutoCloseable {
  private static final String BIN = "/usr/lib/postgresql/15/bin/";
  private final Path folder;
  private final int port;

  CatalogServer() throws Exception {
    folder = Files.createTempDirectory(Path.of("/tmp"), "vela-catalog");
    try (var socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    if (run(List.of("id", "vela")) != 0) {
      run(List.of("useradd", "--system", "vela"));
    }
    if (run(List.of("chown", "vela", folder.toString())) != 0) {
      throw new IOException("no user vela");
    }
    demand(asVela("initdb", "-D", folder + "/data", "-U", "postgres", "-A", "trust", "--no-sync"));
    start();
  }

  void start() throws Exception {
    var options = "-k %s -p %d -c listen_addresses=127.0.0.1 -c fsync=off".formatted(folder, port);
    demand(
        asVela(
            "pg_ctl", "-D", folder + "/data", "-l", folder + "/log", "-w", "-o", options, "start"));
  }

  void stop() throws Exception {
    demand(asVela("pg_ctl", "-D", folder + "/data", "-w", "-m", "immediate", "stop"));
  }

  PgConnectOptions options() {
    return new PgConnectOptions()
        .setHost(folder.toString())
        .setPort(port)
        .setUser("postgres")
        .setDatabase("postgres");
  }

  PGSimpleDataSource dataSource() {
    var source = new PGSimpleDataSource();
    source.setServerNames(new String[] {"127.0.0.1"});
    source.setPortNumbers(new int[] {port});
    source.setUser("postgres");
    source.setDatabaseName("postgres");
    return source;
  }

  private static List<String> asVela(String program, String... arguments) {
    var command =
        new ArrayList<>(
            List.of("setpriv", "--reuid=vela", "--regid=vela", "--init-groups", BIN + program));
    command.addAll(List.of(arguments));
    return command;
  }

  private void demand(List<String> command) throws Exception {
    if (run(command) != 0) {
      throw new IOException("failed: " + command);
    }
  }

  private int run(List<String> command) throws IOException, InterruptedException {
    var process =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new IOException("took too long: " + command);
    }
    return process.exitValue();
  }

  @Override
  public void close() throws Exception {
    run(asVela("pg_ctl", "-D", folder + "/data", "-w", "-m", "immediate", "stop"));
    run(List.of("rm", "-rf", folder.toString()));
  }
}
