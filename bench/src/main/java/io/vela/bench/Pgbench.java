package io.vela.bench;

import io.vela.agent.CloneException;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.DebianPackages;
import io.vela.config.value.Secret;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/** Postgres's own load generator, as a process of its own. */
final class Pgbench {
  private static final Pattern TPS = Pattern.compile("tps = ([0-9.]+) \\(without initial");

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
  record Server(String host, int port, String user, Secret password, String database) {}

  /** Fills the database: 100,000 rows for each unit of scale. */
  void fill(Server server, int scale) throws IOException, InterruptedException {
    run(server, List.of("-i", "-q", "-s", Integer.toString(scale)), Duration.ofMinutes(10));
  }

  /**
   * Transactions a second of prepared selects, without the time to connect; pgbench runs one
   * thread, its default.
   */
  double selects(Server server, int clients, Duration time)
      throws IOException, InterruptedException {
    var words =
        List.of(
            "-n",
            "-S",
            "-M",
            "prepared",
            "-c",
            Integer.toString(clients),
            "-T",
            Long.toString(Math.max(1, time.toSeconds())));
    var tps = TPS.matcher(run(server, words, time.plusMinutes(1)));
    if (!tps.find()) {
      throw new IOException("pgbench printed no tps");
    }
    return Double.parseDouble(tps.group(1));
  }

  private String run(Server server, List<String> words, Duration limit)
      throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of(program.toString()));
    command.addAll(words);
    command.addAll(
        List.of(
            "-h",
            server.host(),
            "-p",
            Integer.toString(server.port()),
            "-U",
            server.user(),
            server.database()));
    var result =
        Command.of(command)
            .env("PGPASSWORD", server.password().reveal())
            .env("PGSSLMODE", "disable")
            .within(limit)
            .run();
    if (!result.ok()) {
      throw new IOException(result.problem() + "\n" + result.detail());
    }
    return result.stdout();
  }
}
