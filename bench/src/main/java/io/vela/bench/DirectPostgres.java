package io.vela.bench;

import io.vela.config.value.Secret;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/** A bare Postgres that runs with the arguments of a branch and serves over TCP, by SCRAM. */
final class DirectPostgres implements AutoCloseable {
  private static final String PASSWORD = "bench";

  private final BarePostgres.Server running;
  private final Pgbench.Server server;
  private final Path socketFolder;
  private final String verifier;

  private DirectPostgres(
      BarePostgres.Server running, Pgbench.Server server, Path socketFolder, String verifier) {
    this.running = running;
    this.server = server;
    this.socketFolder = socketFolder;
    this.verifier = verifier;
  }

  /**
   * Starts it and waits until it serves.
   *
   * @param data a data directory that nobody else uses meanwhile
   * @param name of its folder below the bed's
   */
  static DirectPostgres start(Bed bed, Path data, String name, Path psql) throws Exception {
    int port = Bed.freePort();
    var bare = bed.onTcp(data, name, port);
    var running = bare.start();
    var own =
        new Pgbench.Server(
            bare.socketFolder().toString(), port, "postgres", new Secret(""), "postgres", false);
    String verifier;
    boolean ready = false;
    try {
      LibpqProgram.psql(
          psql,
          own,
          Duration.ofMinutes(1),
          "-c",
          "DROP ROLE IF EXISTS bench",
          "-c",
          "CREATE ROLE bench SUPERUSER LOGIN PASSWORD '" + PASSWORD + "'");
      verifier =
          LibpqProgram.ask(psql, own, "SELECT rolpassword FROM pg_authid WHERE rolname = 'bench'");
      ready = true;
    } finally {
      if (!ready) {
        running.close();
      }
    }
    return new DirectPostgres(
        running,
        new Pgbench.Server("127.0.0.1", port, "bench", new Secret(PASSWORD), "postgres", false),
        bare.socketFolder(),
        verifier);
  }

  Pgbench.Server server() {
    return server;
  }

  /** What verifies its user's password. */
  String verifier() {
    return verifier;
  }

  Path socketFolder() {
    return socketFolder;
  }

  @Override
  public void close() throws IOException {
    running.close();
  }
}
