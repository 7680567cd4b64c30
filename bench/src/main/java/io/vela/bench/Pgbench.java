package io.vela.bench;

import io.vela.agent.CloneException;
import io.vela.agent.exec.DebianPackages;
import io.vela.config.value.Secret;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/** Postgres's own load generator, as a process of its own; it runs one thread, its default. */
final class Pgbench {
  private static final Pattern TPS = Pattern.compile("tps = ([0-9.]+) \\((?:without|including)");

  private final Path program;

  private Pgbench(Path program) {
    this.program = program;
  }

  /** Finds it; as root, installs it when missing and says so. */
  static Pgbench find(Consumer<String> say) throws IOException, InterruptedException {
    try {
      return new Pgbench(new DebianPackages(say).ensure("pgbench", "postgresql"));
    } catch (CloneException e) {
      throw new IOException(e.failure().message() + ". " + e.failure().hint(), e);
    }
  }

  /** Where a run connects. */
  record Server(String host, int port, String user, Secret password, String database, boolean tls) {
    /** The same with TLS, the certificate not verified, or without. */
    Server withTls(boolean wanted) {
      return new Server(host, port, user, password, database, wanted);
    }

    /** The same on another port of this host. */
    Server on(int otherPort) {
      return new Server("127.0.0.1", otherPort, user, password, database, tls);
    }

    /** For programs of libpq: what to connect to, and the rest. */
    List<String> arguments() {
      return List.of("-h", host, "-p", Integer.toString(port), "-U", user);
    }
  }

  /** Fills the database: 100,000 rows for each unit of scale. */
  void fill(Server server, int scale) throws IOException, InterruptedException {
    run(server, List.of("-i", "-q", "-s", Integer.toString(scale)), Duration.ofMinutes(10));
  }

  /** Transactions a second of prepared selects, without the time to connect. */
  double selects(Server server, int clients, Duration time)
      throws IOException, InterruptedException {
    return tps(server, time, List.of("-S", "-M", "prepared", "-c", Integer.toString(clients)));
  }

  /** Transactions a second of the TPC-B-like script, prepared. */
  double updates(Server server, int clients, Duration time)
      throws IOException, InterruptedException {
    return tps(server, time, List.of("-M", "prepared", "-c", Integer.toString(clients)));
  }

  /** Connections a second, each made, authenticated, used for one select, and closed. */
  double connects(Server server, int clients, Duration time)
      throws IOException, InterruptedException {
    return tps(server, time, List.of("-S", "-C", "-c", Integer.toString(clients)));
  }

  private double tps(Server server, Duration time, List<String> load)
      throws IOException, InterruptedException {
    var words = new ArrayList<>(List.of("-n"));
    words.addAll(load);
    words.addAll(List.of("-T", Long.toString(Math.max(1, time.toSeconds()))));
    var printed = run(server, words, time.plusMinutes(1));
    var tps = TPS.matcher(printed);
    if (!tps.find()) {
      throw new IOException("pgbench printed no tps:\n" + printed);
    }
    return Double.parseDouble(tps.group(1));
  }

  private String run(Server server, List<String> words, Duration limit)
      throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of(program.toString()));
    command.addAll(words);
    command.addAll(server.arguments());
    command.add(server.database());
    return LibpqProgram.run(command, server, limit);
  }
}
