package io.vela.cli.up;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.cli.client.ServerOptions;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code vela reload}. */
@Command(
    name = "reload",
    mixinStandardHelpOptions = true,
    description = {
      "Have a running Vela read its configuration and certificates again, as SIGHUP does.",
      "Exit code 1 when something could not be applied."
    })
public final class ReloadCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Mixin private final ServerOptions server = new ServerOptions();

  public ReloadCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws CliException {
    var change = server.connect(terminal).post("/v1/reload");
    var problems = change.getJsonArray("problems");
    if (server.json()) {
      terminal.json(change);
    } else {
      say(change, "applied", "applied: ");
      say(change, "needRestart", "changed, but in force only after a restart: ");
      if (change.getJsonArray("applied").isEmpty() && problems.isEmpty()) {
        terminal.out().println("nothing else has changed; certificates were read again");
      }
      problems.forEach(problem -> terminal.err().println("vela: not applied: " + problem));
    }
    return problems.isEmpty() ? 0 : 1;
  }

  private void say(JsonObject change, String key, String words) {
    JsonArray sections = change.getJsonArray(key);
    if (!sections.isEmpty()) {
      terminal
          .out()
          .println(
              words + sections.stream().map(String::valueOf).collect(Collectors.joining(", ")));
    }
  }
}
