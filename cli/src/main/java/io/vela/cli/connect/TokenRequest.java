package io.vela.cli.connect;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.cli.client.Names;
import io.vela.cli.client.ServerOptions;
import io.vela.config.value.BranchName;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What {@code vela url} and {@code vela psql} have in common: a token for one role of a branch. */
final class TokenRequest {
  @Parameters(index = "0", paramLabel = "BRANCH", converter = Names.Branch.class)
  private @Nullable BranchName name;

  @Option(
      names = "--role",
      paramLabel = "ROLE",
      description =
          "The role, the only one that the token is good for; else the branch's, which is no"
              + " superuser where another may log in.")
  private @Nullable String role;

  @Option(
      names = "--database",
      paramLabel = "DATABASE",
      description = "The database; else the branch's.")
  private @Nullable String database;

  @Option(
      names = "--expires-in",
      paramLabel = "TIME",
      description =
          "How long the token is good: as 12h or 30d, or never; else as long as the policy says,"
              + " and for psql a day.")
  private @Nullable String expiresIn;

  /**
   * Makes the token, and says on the error output when a superuser gets in with it.
   *
   * @param lifetime unless the user says another; empty for what the policy says
   */
  JsonObject mint(ServerOptions server, Terminal terminal, Optional<String> lifetime)
      throws CliException {
    var body = new JsonObject().put("branch", String.valueOf(name));
    if (role != null) {
      body.put("roles", new JsonArray().add(role));
    }
    if (database != null) {
      body.put("database", database);
    }
    Optional.ofNullable(expiresIn)
        .or(() -> lifetime)
        .ifPresent(time -> body.put("expiresIn", time));
    var token = server.connect(terminal).post("/v1/tokens", body);
    if (token.getBoolean("superuser")) {
      warn(terminal, token.getJsonArray("roles").getString(0));
    }
    return token;
  }

  private void warn(Terminal terminal, String superuser) {
    terminal
        .err()
        .printf(
            "vela: note: \"%s\" is a superuser: whoever has this token may do everything in the"
                + " branch%s%n",
            superuser,
            role == null
                ? ", which has no other role that may log in; --role names another one"
                : "");
    terminal.err().flush();
  }
}
