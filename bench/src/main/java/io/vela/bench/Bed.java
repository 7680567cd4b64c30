package io.vela.bench;

import io.vela.agent.exec.ServiceUser;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/**
 * What benchmarks run on.
 *
 * @param vela a Vela of their own
 * @param bin Postgres's programs
 * @param user whom Postgres runs as
 * @param top a folder of their own on the host's file system
 * @param runs how often each figure is measured
 * @param time how long a run under load takes
 * @param peers whether PgBouncer and HAProxy are measured too
 * @param say tells the user what is under way
 */
record Bed(
    VelaUnderTest vela,
    Path bin,
    ServiceUser user,
    Path top,
    int runs,
    Duration time,
    boolean peers,
    Consumer<String> say) {

  /**
   * The floor of a branch: bare Postgres with its arguments, found to have its settings.
   *
   * @param branch created or woken for it, and running afterwards
   * @param data a clone of the same snapshot that nobody else uses meanwhile
   * @param name of its folder below {@code top}
   */
  BarePostgres floor(String branch, Path data, String name) throws Exception {
    var client = vela.client(branch);
    client.fetch();
    var floor =
        new BarePostgres(
            bin.resolve("postgres"),
            data,
            top.resolve(name),
            user,
            BranchArguments.of(vela, branch),
            BarePostgres.PORT,
            List.of());
    floor.requireSettingsOf(client);
    return floor;
  }

  /**
   * Bare Postgres with the arguments of a branch of {@code main} that listens on TCP besides.
   *
   * @param data a data directory that nobody else uses meanwhile
   * @param name of its folder below {@code top}
   * @param port of the loopback address
   */
  BarePostgres onTcp(Path data, String name, int port) throws Exception {
    return new BarePostgres(
        bin.resolve("postgres"),
        data,
        top.resolve(name),
        user,
        BranchArguments.ofNew(vela, name + "-arguments"),
        port,
        List.of("-c", "port=" + port, "-c", "listen_addresses=127.0.0.1"));
  }

  /** A port of the loopback address that is free now. */
  static int freePort() throws IOException {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
