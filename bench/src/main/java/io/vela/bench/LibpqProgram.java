package io.vela.bench;

import io.vela.agent.exec.Command;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Runs psql and pgbench with what a server asks of its clients. */
final class LibpqProgram {
  private LibpqProgram() {}

  /** Runs a program to its end and returns what it printed. */
  static String run(List<String> command, Pgbench.Server server, Duration limit)
      throws IOException, InterruptedException {
    var result =
        Command.of(command)
            .env("PGPASSWORD", server.password().reveal())
            .env("PGSSLMODE", server.tls() ? "require" : "disable")
            .within(limit)
            .run();
    if (!result.ok()) {
      throw new IOException(result.problem() + "\n" + result.detail());
    }
    return result.stdout();
  }

  /** Asks one question by psql and returns the answer. */
  static String ask(Path program, Pgbench.Server server, String question)
      throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of(program.toString(), "-X", "-A", "-t"));
    command.addAll(server.arguments());
    command.addAll(List.of("-d", server.database(), "-c", question));
    return run(command, server, Duration.ofMinutes(1)).strip();
  }

  /** Runs psql with one command, for its effect. */
  static void psql(Path program, Pgbench.Server server, Duration limit, String... words)
      throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of(program.toString(), "-X", "-q"));
    command.addAll(server.arguments());
    command.addAll(List.of("-d", server.database(), "-v", "ON_ERROR_STOP=1"));
    command.addAll(List.of(words));
    run(command, server, limit);
  }
}
