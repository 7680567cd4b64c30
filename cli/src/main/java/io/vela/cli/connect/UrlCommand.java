package io.vela.cli.connect;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.cli.client.ServerOptions;
import io.vela.config.value.HostPort;
import io.vertx.core.json.JsonObject;
import java.net.URLEncoder;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code vela url}. */
@Command(
    name = "url",
    mixinStandardHelpOptions = true,
    description = "Print a connection string with a new token of the branch.")
public final class UrlCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Mixin private final ServerOptions server = new ServerOptions();
  @Mixin private final TokenRequest request = new TokenRequest();

  @Option(names = "--jdbc", description = "Print it for JDBC.")
  private boolean jdbc;

  public UrlCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws CliException {
    var token = request.mint(server, terminal, Optional.empty());
    if (server.json()) {
      terminal.json(token.put("jdbcUrl", jdbcUrl(token)));
    } else {
      terminal.out().println(jdbc ? jdbcUrl(token) : token.getString("url"));
    }
    return 0;
  }

  // pgjdbc takes user:password@ for a part of the host's name; it reads both from parameters.
  private static String jdbcUrl(JsonObject token) {
    return "jdbc:postgresql://%s/%s?user=%s&password=%s"
        .formatted(
            new HostPort(token.getString("host"), token.getInteger("port")),
            URLEncoder.encode(token.getString("database"), UTF_8),
            URLEncoder.encode(token.getString("user"), UTF_8).replace("%7E", "~"),
            URLEncoder.encode(token.getString("secret"), UTF_8));
  }
}
