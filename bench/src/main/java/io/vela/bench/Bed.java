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

  /** Bare Postgres on a data directory that nobody else uses meanwhile. */
  BarePostgres bare(Path data, String name, List<String> settings) throws IOException {
    return new BarePostgres(bin.resolve("postgres"), data, top.resolve(name), user, settings);
  }

  /** A port of the loopback address that is free now. */
  static int freePort() throws IOException {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
