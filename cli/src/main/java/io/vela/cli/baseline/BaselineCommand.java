package io.vela.cli.baseline;

import io.vela.admin.ImportSource;
import io.vela.agent.Source;
import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.cli.client.Names;
import io.vela.cli.client.ServerOptions;
import io.vela.config.value.BaselineName;
import io.vela.config.value.ByteSize;
import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code vela baseline}. */
@Command(
    name = "baseline",
    mixinStandardHelpOptions = true,
    description = "List baselines and import them.",
    synopsisSubcommandLabel = "COMMAND")
public final class BaselineCommand {
  private final Terminal terminal;

  public BaselineCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Command(name = "list", mixinStandardHelpOptions = true, description = "List all baselines.")
  int list(@Mixin ServerOptions server) throws CliException {
    var answer = server.connect(terminal).get("/v1/baselines");
    if (server.json()) {
      terminal.json(answer);
      return 0;
    }
    var rows = new ArrayList<List<String>>();
    rows.add(List.of("NAME", "POSTGRES", "SIZE", "BRANCHES", "CREATED", "SNAPSHOT"));
    for (var item : answer.getJsonArray("baselines")) {
      var baseline = (JsonObject) item;
      rows.add(
          List.of(
              baseline.getString("name"),
              baseline.getInteger("major").toString(),
              new ByteSize(baseline.getLong("bytes")).toString(),
              baseline.getInteger("branches").toString(),
              baseline.getString("createdAt"),
              baseline.getString("snapshot")));
    }
    terminal.table(rows);
    return 0;
  }

  @Command(
      name = "import",
      mixinStandardHelpOptions = true,
      description = {
        "Import data as a new baseline, or as the newer snapshot of an existing one.",
        "A password comes from the URL, PGPASSWORD or ~/.pgpass. Ctrl-C cancels."
      })
  int importOne(
      @Mixin ServerOptions server,
      @Parameters(paramLabel = "NAME", converter = Names.Baseline.class) BaselineName name,
      @Option(
              names = "--from",
              required = true,
              paramLabel = "SOURCE",
              description =
                  "postgresql://USER@HOST:PORT/?sslmode=MODE of a running server (sslrootcert,"
                      + " sslcert and sslkey too), or dir:PATH of a stopped one's data directory,"
                      + " on Vela's host.")
          String from)
      throws CliException {
    var body = new JsonObject().put("name", name.value());
    try {
      body.put("from", absolute(from));
      if (ImportSource.parse(body.getString("from")) instanceof Source.Physical physical
          && physical.password().isEmpty()) {
        new PasswordFile(terminal)
            .password(physical.address(), physical.user())
            .ifPresent(password -> body.put("password", password.reveal()));
      }
    } catch (IllegalArgumentException e) {
      throw new CliException("--from: " + e.getMessage(), "", e);
    }
    var client = server.connect(terminal);
    var ended = new ImportWatch(client, terminal).run(body);
    if (server.json()) {
      terminal.json(ended);
    }
    return switch (ended.getString("state")) {
      case "succeeded" -> {
        if (!server.json()) {
          terminal.out().println("imported " + name);
        }
        yield 0;
      }
      case "cancelled" -> throw new CliException("the import was cancelled");
      default -> throw io.vela.cli.client.VelaClient.refused(ended.getJsonObject("error"), 500);
    };
  }

  // The server's working directory is not the person's.
  private static String absolute(String from) {
    return from.startsWith("dir:") && from.length() > "dir:".length()
        ? "dir:" + Path.of(from.substring("dir:".length())).toAbsolutePath().normalize()
        : from;
  }
}
