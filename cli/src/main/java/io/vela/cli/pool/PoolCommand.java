package io.vela.cli.pool;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.cli.client.ServerOptions;
import io.vela.config.value.ByteSize;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code vela pool}. */
@Command(
    name = "pool",
    mixinStandardHelpOptions = true,
    description = "Show the pool, and remove what is quarantined in it.",
    synopsisSubcommandLabel = "COMMAND")
public final class PoolCommand {
  private final Terminal terminal;

  public PoolCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Command(
      name = "show",
      mixinStandardHelpOptions = true,
      description =
          "Show how full the pool is, and the volumes in it that no branch or baseline has.")
  int show(@Mixin ServerOptions server) throws CliException {
    var pool = server.connect(terminal).get("/v1/pool");
    if (server.json()) {
      terminal.json(pool);
      return 0;
    }
    terminal
        .out()
        .printf(
            "%s of %s free; %s%n%s%n",
            new ByteSize(pool.getLong("freeBytes")),
            new ByteSize(pool.getLong("totalBytes")),
            pool.getBoolean("writable") ? "writable" : "NOT WRITABLE",
            pool.getString("note"));
    if (!pool.getString("problem").isEmpty()) {
      terminal.out().println(pool.getString("problem"));
    }
    var rows = new ArrayList<List<String>>();
    rows.add(List.of("QUARANTINED", "KIND"));
    for (var item : pool.getJsonArray("quarantined")) {
      var volume = (JsonObject) item;
      rows.add(List.of(volume.getString("id"), volume.getString("kind")));
    }
    if (rows.size() > 1) {
      terminal.table(rows);
    }
    return 0;
  }

  @Command(
      name = "purge",
      mixinStandardHelpOptions = true,
      description = "Remove a quarantined volume for good.")
  int purge(
      @Mixin ServerOptions server,
      @Parameters(paramLabel = "ID", description = "As show names it.") String id)
      throws CliException {
    if (!id.matches("[0-9a-f]{16}")) {
      throw new CliException("\"" + id + "\" is not a volume's id: 16 hexadecimal digits", "");
    }
    server.connect(terminal).delete("/v1/pool/quarantine/" + id);
    if (server.json()) {
      terminal.json(new JsonObject().put("id", id));
    } else {
      terminal.out().println("removed " + id);
    }
    return 0;
  }
}
