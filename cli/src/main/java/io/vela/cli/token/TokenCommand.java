package io.vela.cli.token;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.cli.Times;
import io.vela.cli.client.Names;
import io.vela.cli.client.ServerOptions;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.route.TokenId;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.TypeConversionException;

/** {@code vela token}. */
@Command(
    name = "token",
    mixinStandardHelpOptions = true,
    description = "Make tokens, list them, give them new secrets and take them back.",
    synopsisSubcommandLabel = "COMMAND")
public final class TokenCommand {
  private final Terminal terminal;

  public TokenCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Command(
      name = "create",
      mixinStandardHelpOptions = true,
      description = "Make a token and print it: its secret is shown only now.")
  int create(
      @Mixin ServerOptions server,
      @Option(
              names = "--branch",
              paramLabel = "BRANCH",
              converter = Names.Branch.class,
              description = "For this branch.")
          @Nullable BranchName branch,
      @Option(
              names = "--baseline",
              paramLabel = "BASELINE",
              converter = Names.Baseline.class,
              description = "For all branches of this baseline.")
          @Nullable BaselineName baseline,
      @Option(
              names = "--system",
              description = "For everything: one of --branch, --baseline and --system is needed.")
          boolean system,
      @Option(
              names = "--role",
              paramLabel = "ROLE",
              description =
                  "A role that it may be used with; may be given often. Else the branch's or"
                      + " baseline's own, which is no superuser where another may log in.")
          @Nullable List<String> roles,
      @Option(names = "--any-role", description = "Good for any role, superusers too.")
          boolean anyRole,
      @Option(
              names = "--right",
              paramLabel = "RIGHT",
              description =
                  "connect, create or admin; may be given often. Else connect. With create a branch"
                      + " need not be there yet.")
          @Nullable List<String> rights,
      @Option(
              names = "--expires-in",
              paramLabel = "TIME",
              description = "As 12h or 30d, or never; else as the policy says.")
          @Nullable String expiresIn)
      throws CliException {
    var body = new JsonObject();
    if (branch != null) {
      body.put("branch", branch.value());
    }
    if (baseline != null) {
      body.put("baseline", baseline.value());
    }
    if (system) {
      body.put("system", true);
    }
    if (anyRole) {
      body.put("anyRole", true);
    }
    if (roles != null) {
      body.put("roles", new JsonArray(roles));
    }
    if (rights != null) {
      body.put("rights", new JsonArray(rights));
    }
    if (expiresIn != null) {
      body.put("expiresIn", expiresIn);
    }
    var token = server.connect(terminal).post("/v1/tokens", body);
    if (token.getBoolean("superuser")) {
      terminal
          .err()
          .println(
              "vela: note: a superuser gets in with this token, who may do everything in a branch");
    }
    if (server.json()) {
      terminal.json(token);
      return 0;
    }
    secret(token);
    var only = words(token.getJsonArray("roles"));
    if (!only.isEmpty()) {
      terminal.out().printf("roles    %s%n", only);
    }
    if (token.containsKey("url")) {
      terminal.out().printf("url      %s%n", token.getString("url"));
    }
    if (token.containsKey("expiresAt")) {
      terminal.out().printf("expires  %s%n", Times.local(token.getString("expiresAt")));
    }
    return 0;
  }

  private void secret(JsonObject token) {
    terminal
        .out()
        .printf(
            "id       %s%nsecret   %s%nbearer   %s%n",
            token.getString("id"), token.getString("secret"), token.getString("bearer"));
  }

  @Command(
      name = "rotate",
      mixinStandardHelpOptions = true,
      description =
          "Give a token a new secret and print it; the old one is good for nothing at once."
              + " Sessions go on. Of the admin token client.json is rewritten.")
  int rotate(
      @Mixin ServerOptions server,
      @Parameters(paramLabel = "ID", converter = IdConverter.class) TokenId id,
      @Option(
              names = "--expires-in",
              paramLabel = "TIME",
              description = "From now on, as 12h or 30d, or never; else its end stays as it is.")
          @Nullable String expiresIn)
      throws CliException {
    var body = new JsonObject();
    if (expiresIn != null) {
      body.put("expiresIn", expiresIn);
    }
    var token = server.connect(terminal).post("/v1/tokens/" + id + "/rotate", body);
    if (server.json()) {
      terminal.json(token);
    } else {
      secret(token);
    }
    return 0;
  }

  @Command(
      name = "list",
      mixinStandardHelpOptions = true,
      description = "List all tokens, the newest first; those that have ended for 30 days.")
  int list(@Mixin ServerOptions server) throws CliException {
    var answer = server.connect(terminal).get("/v1/tokens");
    if (server.json()) {
      terminal.json(answer);
      return 0;
    }
    var rows = new ArrayList<List<String>>();
    rows.add(List.of("ID", "FOR", "RIGHTS", "ROLES", "CREATED", "EXPIRES", "STATE"));
    for (var item : answer.getJsonArray("tokens")) {
      var token = (JsonObject) item;
      var rights = words(token.getJsonArray("rights"));
      var roles = words(token.getJsonArray("roles"));
      var expires = token.getString("expiresAt");
      rows.add(
          List.of(
              token.getString("id"),
              target(token),
              rights,
              // Nobody connects with a token that only administers.
              rights.equals("admin") ? "-" : roles.isEmpty() ? "any" : roles,
              Times.local(token.getString("createdAt")),
              expires == null ? "never" : Times.local(expires),
              token.getString("state")));
    }
    terminal.table(rows);
    return 0;
  }

  private static String target(JsonObject token) {
    if (token.containsKey("branch")) {
      return "branch " + token.getString("branch");
    }
    return token.containsKey("baseline") ? "baseline " + token.getString("baseline") : "the system";
  }

  private static String words(JsonArray texts) {
    return texts.stream().map(String::valueOf).collect(Collectors.joining(","));
  }

  @Command(
      name = "revoke",
      mixinStandardHelpOptions = true,
      description = "Take a token back: its sessions end at once.")
  int revoke(
      @Mixin ServerOptions server,
      @Parameters(paramLabel = "ID", converter = IdConverter.class) TokenId id,
      @Option(names = "--force", description = "Also the token that this command itself uses.")
          boolean force)
      throws CliException {
    var client = server.connect(terminal);
    if (client.uses(id) && !force) {
      throw new CliException(
          "token " + id + " is the one that this command itself uses",
          "Without it no verb works until Vela is started again; \"vela token rotate "
              + id
              + "\" gives it a new secret, and --force takes it back all the same.");
    }
    client.delete("/v1/tokens/" + id);
    if (server.json()) {
      terminal.json(new JsonObject().put("id", id.value()));
    } else {
      terminal.out().println("revoked " + id);
    }
    return 0;
  }

  /** Reads a token's id; a wrong one is wrong usage. */
  static final class IdConverter implements ITypeConverter<TokenId> {
    @Override
    public TokenId convert(String text) {
      if (!TokenId.isValid(text)) {
        throw new TypeConversionException("not a token's id: 4 to 16 of a-z and 0-9");
      }
      return new TokenId(text);
    }
  }
}
