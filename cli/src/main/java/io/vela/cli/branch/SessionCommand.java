package io.vela.cli.branch;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.cli.Times;
import io.vela.cli.client.Names;
import io.vela.cli.client.ServerOptions;
import io.vela.config.value.BranchName;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code vela session}. */
@Command(
    name = "session",
    mixinStandardHelpOptions = true,
    description = "List clients' sessions.",
    synopsisSubcommandLabel = "COMMAND")
public final class SessionCommand {
  private final Terminal terminal;

  public SessionCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Command(
      name = "list",
      mixinStandardHelpOptions = true,
      description = "List all sessions, parked or not, or those of one branch.")
  int list(
      @Mixin ServerOptions server,
      @Parameters(paramLabel = "BRANCH", arity = "0..1", converter = Names.Branch.class)
          @Nullable BranchName branch)
      throws CliException {
    var path = branch == null ? "/v1/sessions" : "/v1/branches/" + branch + "/sessions";
    var answer = server.connect(terminal).get(path);
    if (server.json()) {
      terminal.json(answer);
      return 0;
    }
    var rows = new ArrayList<List<String>>();
    rows.add(List.of("ID", "BRANCH", "STATE", "SINCE", "QUIET SINCE", "CLIENT", "VETO"));
    for (var item : answer.getJsonArray("sessions")) {
      var session = (JsonObject) item;
      var quietSince = session.getString("quietSince");
      rows.add(
          List.of(
              session.getLong("id").toString(),
              session.getString("branch"),
              session.getString("state"),
              Times.local(session.getString("since")),
              quietSince == null ? "-" : Times.local(quietSince),
              session.getString("description"),
              veto(session.getJsonObject("veto"))));
    }
    terminal.table(rows);
    return 0;
  }

  private static String veto(@Nullable JsonObject veto) {
    return veto == null ? "-" : veto.getString("reason") + ": " + veto.getString("detail");
  }
}
