package io.vela.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.cli.baseline.BaselineCommand;
import io.vela.cli.branch.BranchCommand;
import io.vela.cli.branch.SessionCommand;
import io.vela.cli.branch.WhyCommand;
import io.vela.cli.connect.PsqlCommand;
import io.vela.cli.connect.UrlCommand;
import io.vela.cli.doctor.DoctorCommand;
import io.vela.cli.pool.PoolCommand;
import io.vela.cli.token.TokenCommand;
import io.vela.cli.up.ReloadCommand;
import io.vela.cli.up.UpCommand;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.function.Supplier;
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
    var verbs = verbs(terminal);
    var asked = args.length == 0 ? null : verbs.get(args[0]);
    if (asked != null) {
      // Each verb costs some milliseconds of looking at annotations, so only what is asked for.
      command.addSubcommand(asked.get());
    } else {
      verbs.values().forEach(verb -> command.addSubcommand(verb.get()));
      command.addSubcommand(new GenerateCompletion());
      ServiceLoader.load(Subcommand.class).forEach(command::addSubcommand);
    }
    addVersion(command);
    if (args.length == 0) {
      command.usage(System.err);
      return ExitCode.USAGE;
    }
    return command
        // Its own words only, and in colours, which the terminal's writers would escape.
        .setOut(new PrintWriter(System.out, true, UTF_8))
        .setErr(new PrintWriter(System.err, true, UTF_8))
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExecutionExceptionHandler((e, _, _) -> failed(e, terminal))
        .execute(args);
  }

  /** This module's verbs in the order in which help lists them. */
  private static Map<String, Supplier<Object>> verbs(Terminal terminal) {
    var verbs = new LinkedHashMap<String, Supplier<Object>>();
    verbs.put("up", () -> new UpCommand(terminal));
    verbs.put("reload", () -> new ReloadCommand(terminal));
    verbs.put("url", () -> new UrlCommand(terminal));
    verbs.put("psql", () -> new PsqlCommand(terminal));
    verbs.put("branch", () -> new BranchCommand(terminal));
    verbs.put("baseline", () -> new BaselineCommand(terminal));
    verbs.put("token", () -> new TokenCommand(terminal));
    verbs.put("pool", () -> new PoolCommand(terminal));
    verbs.put("doctor", () -> new DoctorCommand(terminal));
    verbs.put("why", () -> new WhyCommand(terminal));
    verbs.put("session", () -> new SessionCommand(terminal));
    return verbs;
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
