package io.vela.it.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/** Requests to REST, metrics and health. */
public final class Http {
  private Http() {}

  /** The body of a successful answer. */
  public static String get(String url) {
    var response = exchange(HttpRequest.newBuilder(URI.create(url)));
    if (response.statusCode() != 200) {
      throw new AssertionError(url + ": " + response.statusCode() + " " + response.body());
    }
    return response.body();
  }

  /** Status and body of any answer, as {@code 200 ...}. */
  public static String ask(String url) {
    var response = exchange(HttpRequest.newBuilder(URI.create(url)));
    return response.statusCode() + " " + response.body();
  }

  /** The body of any answer to a request with a token. */
  static String send(String url, String token) {
    var request = HttpRequest.newBuilder(URI.create(url));
    return exchange(request.header("Authorization", "Bearer " + token)).body();
  }

  /** The body of any answer to a POST of JSON with a token. */
  static String post(String url, String token, String json) {
    var request =
        HttpRequest.newBuilder(URI.create(url)).header("Content-Type", "application/json");
    return exchange(
            request
                .header("Authorization", "Bearer " + token)
                .POST(HttpRequest.BodyPublishers.ofString(json)))
        .body();
  }

  private static HttpResponse<String> exchange(HttpRequest.Builder request) {
    try (var client = HttpClient.newHttpClient()) {
      return client.send(
          request.timeout(Duration.ofSeconds(30)).build(), HttpResponse.BodyHandlers.ofString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
