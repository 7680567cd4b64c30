package io.vela.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.cli.baseline.BaselineCommand;
import io.vela.cli.branch.BranchCommand;
import io.vela.cli.branch.SessionCommand;
import io.vela.cli.branch.WhyCommand;
import io.vela.cli.connect.PsqlCommand;
import io.vela.cli.connect.UrlCommand;
import io.vela.cli.token.TokenCommand;
import io.vela.cli.up.ReloadCommand;
import io.vela.cli.up.UpCommand;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ServiceLoader;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.IVersionProvider;

/** The command {@code vela}. Exit codes: 0 done, 1 refused or failed, 2 wrong usage. */
@Command(
    name = "vela",
    description = "A Postgres for every pull request, in milliseconds.",
    versionProvider = Vela.Version.class,
    synopsisSubcommandLabel = "COMMAND",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "The verbs find the server by --data or VELA_DATA (the data directory of its \"vela up\","
          + " by default ~/.vela), or by VELA_URL and VELA_TOKEN."
    })
public final class Vela {
  private Vela() {}

  public static void main(String[] args) {
    // Vert.x's JSON makes a logger; without this it would start logback for a line of output.
    System.setProperty(
        "vertx.logger-delegate-factory-class-name", "io.vertx.core.logging.JULLogDelegateFactory");
    System.exit(run(args, Terminal.ofProcess()));
  }

  private static int run(String[] args, Terminal terminal) {
    var command = new CommandLine(new Vela());
    command
        .addSubcommand(new UpCommand(terminal))
        .addSubcommand(new ReloadCommand(terminal))
        .addSubcommand(new UrlCommand(terminal))
        .addSubcommand(new PsqlCommand(terminal))
        .addSubcommand(new BranchCommand(terminal))
        .addSubcommand(new BaselineCommand(terminal))
        .addSubcommand(new TokenCommand(terminal))
        .addSubcommand(new WhyCommand(terminal))
        .addSubcommand(new SessionCommand(terminal))
        .addSubcommand(new GenerateCompletion());
    // Looking for other modules' verbs opens every jar, so it is not done for the verbs above.
    if (args.length == 0
        || !command.getSubcommands().containsKey(args[0])
        || args[0].equals("generate-completion")) {
      ServiceLoader.load(Subcommand.class).forEach(command::addSubcommand);
    }
    addVersion(command);
    if (args.length == 0) {
      command.usage(terminal.err());
      return ExitCode.USAGE;
    }
    return command
        .setOut(terminal.out())
        .setErr(terminal.err())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExecutionExceptionHandler((e, _, _) -> failed(e, terminal))
        .execute(args);
  }

  private static void addVersion(CommandLine command) {
    for (var subcommand : command.getSubcommands().values()) {
      subcommand.getCommandSpec().versionProvider(new Version());
      addVersion(subcommand);
    }
  }

  private static int failed(Exception e, Terminal terminal) {
    if (e instanceof CliException told) {
      terminal.err().println("vela: " + told.getMessage());
      if (!told.hint().isEmpty()) {
        terminal.err().println("hint: " + told.hint());
      }
    } else {
      terminal.err().println("vela: this is a mistake in Vela itself; please report it:");
      e.printStackTrace(terminal.err());
    }
    return ExitCode.SOFTWARE;
  }

  /** The version that the build gave. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      try (var in = Vela.class.getResourceAsStream("version.txt")) {
        if (in == null) {
          throw new IllegalStateException("version.txt is not on the class path");
        }
        return new String[] {"vela " + new String(in.readAllBytes(), UTF_8).strip()};
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
