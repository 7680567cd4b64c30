package io.vela.cli.client;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.cli.CliException;
import io.vela.config.value.Secret;
import io.vela.router.route.BranchAddressParser;
import io.vela.router.route.TokenId;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Calls the REST API. What the server refuses becomes a {@link CliException} with its detail and
 * hint.
 *
 * <p>By {@link HttpURLConnection}, because {@link java.net.http.HttpClient} makes threads and a TLS
 * context even for http, which takes longer than the whole of most verbs.
 */
public final class VelaClient {
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);
  // Longer than the server's own wake-timeout and stop-timeout, which say more.
  private static final Duration TIMEOUT = Duration.ofMinutes(10);

  private final URI server;
  private final Secret token;

  /**
   * @param server without a final slash
   * @param token in bearer form
   */
  public VelaClient(URI server, Secret token) {
    this.server = server;
    this.token = token;
  }

  /** Whether that token is the one that this client itself uses. */
  public boolean uses(TokenId id) {
    return token.reveal().startsWith(BranchAddressParser.TOKEN_PREFIX + id.value() + "_");
  }

  /**
   * @param path below the server, each part already fit for a URL
   */
  public JsonObject get(String path) throws CliException {
    return send("GET", path, null);
  }

  public JsonObject post(String path, JsonObject body) throws CliException {
    return send("POST", path, body);
  }

  public JsonObject post(String path) throws CliException {
    return send("POST", path, null);
  }

  public JsonObject put(String path, JsonObject body) throws CliException {
    return send("PUT", path, body);
  }

  public JsonObject delete(String path) throws CliException {
    return send("DELETE", path, null);
  }

  private JsonObject send(String method, String path, @Nullable JsonObject body)
      throws CliException {
    try {
      var connection = open(method, path);
      if (body != null) {
        connection.setRequestProperty("Content-Type", "application/json");
      }
      if (method.equals("POST") || body != null) {
        // With its length told beforehand it is never sent a second time by itself.
        var bytes = body == null ? new byte[0] : body.encode().getBytes(UTF_8);
        connection.setDoOutput(true);
        connection.setFixedLengthStreamingMode(bytes.length);
        try (var out = connection.getOutputStream()) {
          out.write(bytes);
        }
      }
      return read(connection.getResponseCode(), text(connection));
    } catch (SocketTimeoutException e) {
      throw new CliException("Vela at " + server + " did not answer in time", "", e);
    } catch (IOException e) {
      throw new CliException(
          "no Vela answers at " + server, "Is it running? Start it with \"vela up\".", e);
    }
  }

  private HttpURLConnection open(String method, String path) throws IOException {
    var connection =
        (HttpURLConnection) URI.create(server + path).toURL().openConnection(Proxy.NO_PROXY);
    connection.setRequestMethod(method);
    connection.setConnectTimeout((int) CONNECT_TIMEOUT.toMillis());
    connection.setReadTimeout((int) TIMEOUT.toMillis());
    connection.setInstanceFollowRedirects(false);
    connection.setRequestProperty("Authorization", "Bearer " + token.reveal());
    return connection;
  }

  private static String text(HttpURLConnection connection) throws IOException {
    try (var in = body(connection)) {
      return new String(in.readAllBytes(), UTF_8);
    }
  }

  private static InputStream body(HttpURLConnection connection) throws IOException {
    if (connection.getResponseCode() < HttpURLConnection.HTTP_BAD_REQUEST) {
      return connection.getInputStream();
    }
    var error = connection.getErrorStream();
    return error == null ? InputStream.nullInputStream() : error;
  }

  private JsonObject read(int status, String text) throws CliException {
    JsonObject json;
    try {
      json = text.isEmpty() ? new JsonObject() : new JsonObject(text);
    } catch (DecodeException e) {
      throw new CliException("what answers at " + server + " is not Vela", "", e);
    }
    if (status < 300) {
      return json;
    }
    throw refused(json, status);
  }

  /** The refusal that a problem document (RFC 9457) tells. */
  public static CliException refused(JsonObject problem, int status) {
    return new CliException(
        problem.getString("detail", "Vela answered with status " + status),
        problem.getString("hint", ""));
  }
}
