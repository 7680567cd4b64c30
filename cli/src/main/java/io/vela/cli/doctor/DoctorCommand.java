package io.vela.cli.doctor;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.cli.client.ServerOptions;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;

/** {@code vela doctor}. */
@Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    description = {
      "Show how the parts of a running Vela are, and what could be better.",
      "Ends with 1 when a part is down."
    })
public final class DoctorCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Mixin private final ServerOptions server = new ServerOptions();

  public DoctorCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws CliException {
    var client = server.connect(terminal);
    var diagnosis = client.get("/v1/diagnosis");
    var quarantined = client.get("/v1/pool").getJsonArray("quarantined");
    if (server.json()) {
      terminal.json(diagnosis.put("quarantined", quarantined));
    } else {
      show(diagnosis.getJsonObject("parts"));
      if (!quarantined.isEmpty()) {
        terminal
            .out()
            .printf(
                "%d volumes in the pool belong to no branch or baseline; \"vela pool show\" lists"
                    + " them%n",
                quarantined.size());
      }
    }
    return diagnosis.getString("status").equals("ok") ? ExitCode.OK : ExitCode.SOFTWARE;
  }

  private void show(JsonObject parts) {
    var rows = new ArrayList<List<String>>();
    rows.add(List.of("PART", "STATUS", "DETAIL"));
    for (var name : parts.fieldNames()) {
      var part = parts.getJsonObject(name);
      var told = part.getString("diagnosis");
      rows.add(
          List.of(
              name, part.getString("status"), told.isEmpty() ? part.getString("detail") : told));
    }
    terminal.table(rows);
  }
}
