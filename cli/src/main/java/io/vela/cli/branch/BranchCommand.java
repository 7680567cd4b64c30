package io.vela.cli.branch;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.cli.Times;
import io.vela.cli.client.Names;
import io.vela.cli.client.ServerOptions;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.ByteSize;
import io.vela.config.value.Durations;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.TypeConversionException;

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
    rows.add(List.of("NAME", "STATE", "SINCE", "SESSIONS", "BASELINE", "SUSPEND AFTER"));
    for (var item : answer.getJsonArray("branches")) {
      var branch = (JsonObject) item;
      rows.add(
          List.of(
              branch.getString("name"),
              branch.getString("state"),
              Times.local(branch.getString("stateSince")),
              branch.getInteger("sessions").toString(),
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
      @Option(
              names = "--suspend-after",
              paramLabel = "TIME",
              converter = DurationConverter.class,
              description =
                  "How long without use until it sleeps, as 5min; else as the policy says.")
          Optional<Duration> suspendAfter)
      throws CliException {
    var body = new JsonObject().put("baseline", from.value());
    suspendAfter.ifPresent(time -> body.put("suspendAfter", Durations.format(time)));
    return tell(server, "created", server.connect(terminal).post(path(name), body));
  }

  @Command(
      name = "suspend",
      mixinStandardHelpOptions = true,
      description = "Put a branch to sleep.")
  int suspend(
      @Mixin ServerOptions server,
      @Parameters(paramLabel = "BRANCH", converter = Names.Branch.class) BranchName name,
      @Option(names = "--force", description = "Disconnect those that use it.") boolean force)
      throws CliException {
    var answer = server.connect(terminal).post(path(name) + "/suspend?force=" + force);
    return tell(server, "suspended", answer);
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
    server.connect(terminal).delete(path(name) + "?force=" + force);
    return tell(server, "deleted", new JsonObject().put("name", name.value()));
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
            "name           %s%nstate          %s since %s%nbaseline       %s%ncreated        %s%n"
                + "suspend after  %s%nsessions       %d%n",
            branch.getString("name"),
            branch.getString("state"),
            since,
            branch.getString("baseline"),
            Times.local(branch.getString("createdAt")),
            branch.getString("suspendAfter"),
            branch.getInteger("sessions"));
    if (!branch.getString("detail").isEmpty()) {
      terminal.out().printf("detail         %s%n", branch.getString("detail"));
    }
  }

  private static String path(BranchName name) {
    return "/v1/branches/" + name;
  }

  /** Reads a duration; a wrong one is wrong usage. */
  static final class DurationConverter implements picocli.CommandLine.ITypeConverter<Duration> {
    @Override
    public Duration convert(String text) {
      try {
        return Durations.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
