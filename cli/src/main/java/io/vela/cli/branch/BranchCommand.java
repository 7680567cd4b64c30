package io.vela.cli.branch;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.cli.Times;
import io.vela.cli.client.Names;
import io.vela.cli.client.ServerOptions;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.ByteSize;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code vela branch}. */
@Command(
    name = "branch",
    mixinStandardHelpOptions = true,
    description = "List branches, make, wake and delete them.",
    synopsisSubcommandLabel = "COMMAND")
public final class BranchCommand {
  private static final Set<String> PASSING = Set.of("creating", "deleting");

  private final Terminal terminal;

  public BranchCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Command(name = "list", mixinStandardHelpOptions = true, description = "List all branches.")
  int list(@Mixin ServerOptions server) throws CliException {
    var answer = server.connect(terminal).get("/v1/branches");
    if (server.json()) {
      terminal.json(answer);
      return 0;
    }
    var rows = new ArrayList<List<String>>();
    rows.add(List.of("NAME", "STATE", "SINCE", "SESSIONS", "PARKED", "BASELINE", "SUSPEND AFTER"));
    for (var item : answer.getJsonArray("branches")) {
      var branch = (JsonObject) item;
      rows.add(
          List.of(
              branch.getString("name"),
              branch.getString("state"),
              Times.local(branch.getString("stateSince")),
              branch.getInteger("sessions").toString(),
              branch.getInteger("parked").toString(),
              branch.getString("baseline"),
              branch.getString("suspendAfter")));
    }
    terminal.table(rows);
    return 0;
  }

  @Command(
      name = "show",
      mixinStandardHelpOptions = true,
      description = "Show a branch and what it takes in the pool.")
  int show(
      @Mixin ServerOptions server,
      @Parameters(paramLabel = "BRANCH", converter = Names.Branch.class) BranchName name)
      throws CliException {
    var client = server.connect(terminal);
    var branch = client.get(path(name));
    // A branch that is only coming or already going has nothing in the pool to measure.
    if (PASSING.contains(branch.getString("state"))) {
      if (server.json()) {
        terminal.json(branch);
      } else {
        print(branch);
      }
      return 0;
    }
    var usage = client.get(path(name) + "/usage");
    if (server.json()) {
      terminal.json(branch.put("usage", usage));
      return 0;
    }
    print(branch);
    terminal
        .out()
        .printf(
            "takes          %s of its own, %s with what it shares%n",
            new ByteSize(usage.getLong("exclusiveBytes")),
            new ByteSize(usage.getLong("totalBytes")));
    return 0;
  }

  @Command(
      name = "create",
      mixinStandardHelpOptions = true,
      description = "Create a branch, asleep.")
  int create(
      @Mixin ServerOptions server,
      @Parameters(paramLabel = "BRANCH", converter = Names.Branch.class) BranchName name,
      @Option(
              names = "--from",
              paramLabel = "BASELINE",
              defaultValue = "main",
              converter = Names.Baseline.class,
              description = "The baseline (${DEFAULT-VALUE}).")
          BaselineName from,
      @Mixin OwnSettings own)
      throws CliException {
    var body = own.addTo(new JsonObject().put("baseline", from.value()));
    return tell(server, "created", server.connect(terminal).post(path(name), body));
  }

  @Command(
      name = "suspend",
      mixinStandardHelpOptions = true,
      description = "Park a branch's sessions and put it to sleep.")
  int suspend(
      @Mixin ServerOptions server,
      @Parameters(paramLabel = "BRANCH", converter = Names.Branch.class) BranchName name,
      @Option(names = "--force", description = "Disconnect those that cannot be parked.")
          boolean force)
      throws CliException {
    var answer = server.connect(terminal).post(path(name) + "/suspend?force=" + force);
    return tell(server, "suspended", answer);
  }

  @Command(
      name = "restart",
      mixinStandardHelpOptions = true,
      description =
          "Park a branch's sessions, stop its Postgres and start it: idle clients see nothing of"
              + " it.")
  int restart(
      @Mixin ServerOptions server,
      @Parameters(paramLabel = "BRANCH", converter = Names.Branch.class) BranchName name,
      @Option(
              names = "--force",
              description = "Disconnect those that cannot be parked within limits.drain-timeout.")
          boolean force)
      throws CliException {
    var answer = server.connect(terminal).post(path(name) + "/restart?force=" + force);
    return tell(server, "restarted", answer);
  }

  @Command(
      name = "set",
      mixinStandardHelpOptions = true,
      description = "Say what a branch has of its own; the rest is as the policy says again.")
  int set(
      @Mixin ServerOptions server,
      @Parameters(paramLabel = "BRANCH", converter = Names.Branch.class) BranchName name,
      @Mixin OwnSettings own)
      throws CliException {
    var answer =
        server.connect(terminal).put(path(name) + "/settings", own.addTo(new JsonObject()));
    return tell(server, "changed", answer);
  }

  @Command(name = "resume", mixinStandardHelpOptions = true, description = "Wake a branch.")
  int resume(
      @Mixin ServerOptions server,
      @Parameters(paramLabel = "BRANCH", converter = Names.Branch.class) BranchName name)
      throws CliException {
    return tell(server, "resumed", server.connect(terminal).post(path(name) + "/resume"));
  }

  @Command(
      name = "delete",
      mixinStandardHelpOptions = true,
      description = "Delete a branch with its data and tokens.")
  int delete(
      @Mixin ServerOptions server,
      @Parameters(paramLabel = "BRANCH", converter = Names.Branch.class) BranchName name,
      @Option(names = "--force", description = "Disconnect those that use it.") boolean force)
      throws CliException {
    var deleted = server.connect(terminal).delete(path(name) + "?force=" + force);
    tell(server, "deleted", deleted.put("name", name.value()));
    if (!server.json() && deleted.containsKey("stoppedBy")) {
      terminal
          .out()
          .println("its Postgres did not stop by itself: " + deleted.getString("stoppedBy"));
    }
    return 0;
  }

  private int tell(ServerOptions server, String done, JsonObject branch) {
    if (server.json()) {
      terminal.json(branch);
    } else {
      terminal.out().println(done + " " + branch.getString("name"));
    }
    return 0;
  }

  private void print(JsonObject branch) {
    var since = Times.local(branch.getString("stateSince"));
    terminal
        .out()
        .printf(
            "name           %s%nstate          %s since %s%nbaseline       %s%ncreated       "
                + " %s%nsuspend after  %s%non idle        %s%n%smay take       %s%nnetwork       "
                + " %s%nsessions       %d, parked %d%n",
            branch.getString("name"),
            branch.getString("state"),
            since,
            branch.getString("baseline"),
            Times.local(branch.getString("createdAt")),
            branch.getString("suspendAfter"),
            branch.getString("onIdle"),
            branch.containsKey("parkAfter")
                ? "park after     %s%n".formatted(branch.getString("parkAfter"))
                : "",
            branch.getString("maxBytes"),
            branch.getString("network"),
            branch.getInteger("sessions"),
            branch.getInteger("parked"));
    if (!branch.getString("detail").isEmpty()) {
      terminal.out().printf("detail         %s%n", branch.getString("detail"));
    }
  }

  private static String path(BranchName name) {
    return "/v1/branches/" + name;
  }
}
