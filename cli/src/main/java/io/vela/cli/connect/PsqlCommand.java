package io.vela.cli.connect;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.cli.client.ServerOptions;
import io.vertx.core.json.JsonObject;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/**
 * {@code vela psql}: this process becomes psql. The password goes by the environment, which only
 * the same user can read, and not by the arguments, which everybody can.
 */
@Command(name = "psql", mixinStandardHelpOptions = true, description = "Open psql on a branch.")
public final class PsqlCommand implements Callable<Integer> {
  private static final String TOKEN_LIFETIME = "1d";

  private final Terminal terminal;

  @Mixin private final ServerOptions server = new ServerOptions();
  @Mixin private final TokenRequest request = new TokenRequest();

  @Parameters(
      index = "1..*",
      paramLabel = "ARGUMENT",
      description = "For psql; write -- before the first.")
  private final List<String> arguments = new ArrayList<>();

  public PsqlCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws CliException {
    var psql =
        find("psql")
            .orElseThrow(
                () ->
                    new CliException(
                        "psql was not found",
                        "Install it: on Debian and Ubuntu the package postgresql-client, on Fedora"
                            + " postgresql, with Homebrew libpq."));
    var token = request.mint(server, terminal, Optional.of(TOKEN_LIFETIME));
    var command = new ArrayList<String>();
    command.add(psql.toString());
    command.add("--dbname=" + conninfo(token));
    command.addAll(arguments);
    terminal.out().flush();
    ProcessImage.replace(command, Map.of("PGPASSWORD", token.getString("secret")));
    return 0;
  }

  // libpq's keyword/value form ("Connection Strings" in Postgres's documentation).
  private static String conninfo(JsonObject token) {
    return "host=%s port=%d user=%s dbname=%s"
        .formatted(
            quote(token.getString("host")),
            token.getInteger("port"),
            quote(token.getString("user")),
            quote(token.getString("database")));
  }

  private static String quote(String value) {
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'";
  }

  private Optional<Path> find(String program) {
    for (var folder : terminal.variable("PATH").orElse("").split(File.pathSeparator, -1)) {
      var candidate = Path.of(folder, program).toAbsolutePath();
      if (Files.isExecutable(candidate) && !Files.isDirectory(candidate)) {
        return Optional.of(candidate);
      }
    }
    return Optional.empty();
  }
}
