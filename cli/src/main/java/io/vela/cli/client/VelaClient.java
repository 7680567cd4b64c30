package io.vela.cli.client;

import io.vela.cli.CliException;
import io.vela.config.value.Secret;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;

/**
 * Calls the REST API. What the server refuses becomes a {@link CliException} with its detail and
 * hint.
 */
public final class VelaClient {
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);
  // Longer than the server's own wake-timeout and stop-timeout, which say more.
  private static final Duration TIMEOUT = Duration.ofMinutes(10);

  private final URI server;
  private final Secret token;
  private final HttpClient client =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(CONNECT_TIMEOUT)
          .build();

  /**
   * @param server without a final slash
   * @param token in bearer form
   */
  public VelaClient(URI server, Secret token) {
    this.server = server;
    this.token = token;
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

  public JsonObject delete(String path) throws CliException {
    return send("DELETE", path, null);
  }

  private JsonObject send(
      String method, String path, @org.jspecify.annotations.Nullable JsonObject body)
      throws CliException {
    var request =
        HttpRequest.newBuilder(URI.create(server + path))
            .timeout(TIMEOUT)
            .header("Authorization", "Bearer " + token.reveal())
            .method(
                method,
                body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body.encode()));
    if (body != null) {
      request.header("Content-Type", "application/json");
    }
    return read(exchange(request.build()));
  }

  private HttpResponse<String> exchange(HttpRequest request) throws CliException {
    try {
      return client.send(request, BodyHandlers.ofString());
    } catch (java.net.http.HttpTimeoutException e) {
      throw new CliException("Vela at " + server + " did not answer in time", "", e);
    } catch (IOException e) {
      throw new CliException(
          "no Vela answers at " + server, "Is it running? Start it with \"vela up\".", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CliException("interrupted", "", e);
    }
  }

  private JsonObject read(HttpResponse<String> response) throws CliException {
    JsonObject json;
    try {
      json = response.body().isEmpty() ? new JsonObject() : new JsonObject(response.body());
    } catch (DecodeException e) {
      throw new CliException("what answers at " + server + " is not Vela", "", e);
    }
    if (response.statusCode() < 300) {
      return json;
    }
    throw refused(json, response.statusCode());
  }

  /** The refusal that a problem document (RFC 9457) tells. */
  public static CliException refused(JsonObject problem, int status) {
    return new CliException(
        problem.getString("detail", "Vela answered with status " + status),
        problem.getString("hint", ""));
  }
}
