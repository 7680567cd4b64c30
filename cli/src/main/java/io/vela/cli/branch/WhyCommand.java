package io.vela.cli.branch;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.cli.Times;
import io.vela.cli.client.Names;
import io.vela.cli.client.ServerOptions;
import io.vela.config.value.BranchName;
import io.vela.config.value.UntrustedText;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code vela why}. */
@Command(
    name = "why",
    mixinStandardHelpOptions = true,
    description = "Say what keeps a branch awake, when it will sleep, or why it failed.")
public final class WhyCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Mixin private final ServerOptions server = new ServerOptions();

  @Parameters(paramLabel = "BRANCH", converter = Names.Branch.class)
  private @Nullable BranchName name;

  public WhyCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws CliException {
    var why = server.connect(terminal).get("/v1/branches/" + name + "/why");
    if (server.json()) {
      terminal.json(why);
      return 0;
    }
    terminal.out().println(why.getString("summary"));
    for (var reason : why.getJsonArray("reasons")) {
      terminal.out().println("  " + new UntrustedText(String.valueOf(reason)).line());
    }
    var sleepsAt = why.getString("sleepsAt");
    if (sleepsAt != null) {
      terminal.out().println("sleeps at " + Times.local(sleepsAt) + " if nothing happens");
    }
    var durability = why.getString("durability");
    if (durability != null) {
      terminal.out().println("durability " + durability);
    }
    terminal.out().println("network " + why.getString("network"));
    return 0;
  }
}
