package io.vela.cli.connect;

import io.vela.cli.client.Names;
import io.vela.config.value.BranchName;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What {@code vela url} and {@code vela psql} have in common. */
final class TokenRequest {
  @Parameters(index = "0", paramLabel = "BRANCH", converter = Names.Branch.class)
  private @Nullable BranchName name;

  @Option(
      names = "--role",
      paramLabel = "ROLE",
      description = "The role, and the only one that the token is good for; else the branch's.")
  private @Nullable String role;

  @Option(
      names = "--database",
      paramLabel = "DATABASE",
      description = "The database; else the branch's.")
  private @Nullable String database;

  JsonObject body() {
    var body = new JsonObject().put("branch", String.valueOf(name));
    if (role != null) {
      body.put("roles", new JsonArray().add(role));
    }
    return database == null ? body : body.put("database", database);
  }
}
