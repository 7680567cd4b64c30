package io.vela.bench;

import io.vela.agent.CloneException;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.DebianPackages;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Another proxy before the same bare Postgres, as a process of its own. */
final class Peer implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofSeconds(20);
  private static final long LOOK_AGAIN_NANOS = 5_000_000;

  private final Process process;
  private final int port;

  private Peer(Process process, int port) {
    this.process = process;
    this.port = port;
  }

  /** What it shows to clients that want TLS, as PEM files. */
  record Certificate(Path chain, Path key) {}

  /**
   * PgBouncer in session mode, to Postgres by its Unix socket. Waits until it accepts connections;
   * as root, installs it when missing. It is given the verifier of the password, not the password:
   * from that it would derive a key at each login, which takes it milliseconds.
   */
  static Peer pgBouncer(Bed bed, DirectPostgres direct, Certificate certificate)
      throws IOException, InterruptedException {
    var folder = Files.createDirectories(bed.top().resolve("pgbouncer"));
    int port = Bed.freePort();
    var users =
        Files.writeString(
            folder.resolve("users"),
            "\"%s\" \"%s\"\n".formatted(direct.server().user(), direct.verifier()));
    var replace = StandardCopyOption.REPLACE_EXISTING;
    var config =
        Files.writeString(
            folder.resolve("pgbouncer.ini"),
            """
            [databases]
            postgres = host=%s port=%d dbname=postgres
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = %d
            unix_socket_dir =
            auth_type = scram-sha-256
            auth_file = %s
            pool_mode = session
            default_pool_size = 100
            client_tls_sslmode = allow
            client_tls_cert_file = %s
            client_tls_key_file = %s
            """
                .formatted(
                    direct.socketFolder(),
                    direct.server().port(),
                    port,
                    users,
                    Files.copy(certificate.chain(), folder.resolve("server.crt"), replace),
                    Files.copy(certificate.key(), folder.resolve("server.key"), replace)));
    return start(bed, "pgbouncer", folder, port, List.of(config.toString()));
  }

  /** HAProxy before a TCP port. Waits until it accepts connections; as root, installs it. */
  static Peer haProxy(Bed bed, int postgresPort) throws IOException, InterruptedException {
    var folder = Files.createDirectories(bed.top().resolve("haproxy"));
    int port = Bed.freePort();
    var config =
        Files.writeString(
            folder.resolve("haproxy.cfg"),
            """
            defaults
              mode tcp
              timeout connect 5s
              timeout client 10m
              timeout server 10m
            listen postgres
              bind 127.0.0.1:%d
              server postgres 127.0.0.1:%d
            """
                .formatted(port, postgresPort));
    return start(bed, "haproxy", folder, port, List.of("-db", "-f", config.toString()));
  }

  private static Peer start(Bed bed, String program, Path folder, int port, List<String> words)
      throws IOException, InterruptedException {
    bed.user().own(folder);
    var argv = new java.util.ArrayList<>(List.of(find(bed, program).toString()));
    argv.addAll(words);
    var log = folder.resolve("log");
    var process = Command.of(bed.user().wrap(argv)).start(log);
    awaitAccepting(port, process, log);
    return new Peer(process, port);
  }

  private static Path find(Bed bed, String program) throws IOException, InterruptedException {
    try {
      return new DebianPackages(bed.say()).ensure(program, program);
    } catch (CloneException e) {
      throw new IOException(e.failure().message() + ". " + e.failure().hint(), e);
    }
  }

  private static void awaitAccepting(int port, Process process, Path log) throws IOException {
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    while (true) {
      try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
        if (socket.isConnected()) {
          return;
        }
      } catch (IOException e) {
        if (!process.isAlive() || System.nanoTime() > deadline) {
          process.destroy();
          throw new IOException("it did not start: " + Files.readString(log), e);
        }
        LockSupport.parkNanos(LOOK_AGAIN_NANOS);
      }
    }
  }

  /** Where it listens on 127.0.0.1. */
  int port() {
    return port;
  }

  @Override
  public void close() throws IOException {
    process.destroy();
    try {
      if (!process.waitFor(20, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new IOException("a peer did not end within 20 s: " + process.info());
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
