package io.vela.it.support;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A running Postgres of the system's version that stands for production, on a loopback port. */
public final class SourceServer implements AutoCloseable {
  private final Path data;
  private final int port;
  private final Run.Started server;

  private SourceServer(Path data, int port, Run.Started server) {
    this.data = data;
    this.port = port;
    this.server = server;
  }

  /** Makes a cluster below a folder and starts it with these settings; passwords are asked for. */
  public static SourceServer start(Path folder, Map<String, String> settings) throws Exception {
    var bin = Machine.systemPostgres();
    var data = folder.resolve("source");
    Files.createDirectory(data);
    var password = Files.writeString(folder.resolve("password"), "secret\n");
    if (Machine.isRoot()) {
      Run.program("chown", "-R", "postgres", data.toString(), password.toString()).text();
    }
    asPostgres(
            bin + "/initdb",
            "-D",
            data.toString(),
            "-U",
            "owner",
            "-A",
            "scram-sha-256",
            "--pwfile=" + password,
            "-E",
            "UTF8",
            "--locale=C.UTF-8")
        .text();
    int port;
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = socket.getLocalPort();
    }
    var command =
        new ArrayList<>(
            List.of(
                bin + "/postgres",
                "-D",
                data.toString(),
                "-p",
                Integer.toString(port),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories="));
    settings.forEach((name, value) -> command.addAll(List.of("-c", name + "=" + value)));
    var server = Run.start(Map.of(), wrap(command));
    var started = new SourceServer(data, port, server);
    await()
        .atMost(Duration.ofSeconds(30))
        .ignoreException(SQLException.class)
        .until(
            () -> {
              started.execute("postgres", "SELECT 1");
              return true;
            });
    return started;
  }

  private static List<String> wrap(List<String> command) {
    if (!Machine.isRoot()) {
      return command;
    }
    var wrapped =
        new ArrayList<>(
            List.of("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"));
    wrapped.addAll(command);
    return wrapped;
  }

  private static Run.Outcome asPostgres(String... command) {
    return Run.program(Map.of(), wrap(List.of(command)));
  }

  /** Its port on 127.0.0.1. */
  public int port() {
    return port;
  }

  /** Its data directory. */
  public Path data() {
    return data;
  }

  /** Runs statements as its superuser. */
  public void execute(String database, String... statements) throws SQLException {
    var url = "jdbc:postgresql://127.0.0.1:" + port + "/" + database + "?sslmode=disable";
    try (var connection = DriverManager.getConnection(url, "owner", "secret");
        var statement = connection.createStatement()) {
      for (var sql : statements) {
        statement.execute(sql);
      }
    }
  }

  /** Stops it cleanly. */
  public void stop() {
    server.process().destroy();
    try {
      Run.await(server);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() throws IOException {
    if (server.process().isAlive()) {
      server.process().destroyForcibly();
      server.process().onExit().join();
    }
  }
}
