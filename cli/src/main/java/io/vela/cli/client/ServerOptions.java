package io.vela.cli.client;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.config.value.Secret;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of every verb that asks the server. */
public final class ServerOptions {
  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "The data directory of the server's \"vela up\" (VELA_DATA; ~/.vela).")
  private @Nullable Path data;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  /** Whether to print JSON. */
  public boolean json() {
    return json;
  }

  /** The server: that of --data, else of VELA_URL, else of VELA_DATA, else of ~/.vela. */
  public VelaClient connect(Terminal terminal) throws CliException {
    var url = terminal.variable("VELA_URL");
    if (data == null && url.isPresent()) {
      var token =
          terminal
              .variable("VELA_TOKEN")
              .orElseThrow(
                  () ->
                      new CliException(
                          "VELA_URL is set and VELA_TOKEN is not",
                          "The token stands in client.json in the server's data directory."));
      return new VelaClient(address(url.get()), new Secret(token));
    }
    var directory =
        DataDirectory.named(Optional.ofNullable(data), terminal)
            .orElseGet(() -> DataDirectory.standard(terminal));
    try {
      var file =
          ClientFile.read(directory)
              .orElseThrow(
                  () ->
                      new CliException(
                          "no Vela was started with the data directory " + directory,
                          "Start one with \"vela up\", or name its directory with --data or"
                              + " VELA_DATA."));
      return new VelaClient(address(file.http()), file.token());
    } catch (IOException e) {
      throw new CliException(
          "%s cannot be read: %s".formatted(directory.resolve("client.json"), reason(e)), "", e);
    }
  }

  private static String reason(IOException e) {
    return e instanceof java.nio.file.AccessDeniedException
        ? "permission denied"
        : String.valueOf(e.getMessage());
  }

  private static URI address(String text) throws CliException {
    try {
      var uri = URI.create(text.endsWith("/") ? text.substring(0, text.length() - 1) : text);
      if (uri.getHost() != null
          && ("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))) {
        return uri;
      }
    } catch (IllegalArgumentException e) {
      throw new CliException("\"" + text + "\" is not an address", "Write http://HOST:PORT.", e);
    }
    throw new CliException("\"" + text + "\" is not an address", "Write http://HOST:PORT.");
  }
}
