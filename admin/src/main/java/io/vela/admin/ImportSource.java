package io.vela.admin;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.agent.Source;
import io.vela.config.value.HostPort;
import io.vela.config.value.Secret;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.util.Optional;

/**
 * Where a baseline comes from, as people write it: {@code postgresql://user@host:port/} (the URI of
 * libpq, "Connection URIs" in Postgres's documentation, without database and parameters) or {@code
 * dir:/path}.
 */
public final class ImportSource {
  private static final int POSTGRES_PORT = 5432;

  private ImportSource() {}

  /**
   * @throws IllegalArgumentException for anything else; its message does not repeat the text, which
   *     may hold a password
   */
  public static Source parse(String text) {
    if (text.startsWith("dir:")) {
      var path = text.substring("dir:".length());
      if (!path.startsWith("/")) {
        throw new IllegalArgumentException("dir: takes an absolute path");
      }
      return new Source.Directory(path);
    }
    if (text.startsWith("postgresql://") || text.startsWith("postgres://")) {
      return physical(text);
    }
    throw new IllegalArgumentException(
        "a source is postgresql://USER@HOST:PORT/ or dir:PATH, and this is neither");
  }

  private static Source physical(String text) {
    URI uri;
    try {
      uri = new URI(text);
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException("the source's URL is malformed: " + e.getReason(), e);
    }
    if (uri.getHost() == null) {
      throw new IllegalArgumentException("the source's URL names no host");
    }
    if (uri.getRawQuery() != null) {
      throw new IllegalArgumentException("the source's URL has parameters; none are understood");
    }
    if (!uri.getRawPath().isEmpty() && !uri.getRawPath().equals("/")) {
      throw new IllegalArgumentException(
          "the source's URL names a database; a whole server is copied: end the URL after"
              + " HOST:PORT/");
    }
    var host = uri.getHost();
    var address =
        new HostPort(
            host.startsWith("[") ? host.substring(1, host.length() - 1) : host,
            uri.getPort() < 0 ? POSTGRES_PORT : uri.getPort());
    if (uri.getRawUserInfo() == null) {
      return new Source.Physical(address, "postgres", Optional.empty());
    }
    var parts = uri.getRawUserInfo().split(":", 2);
    return new Source.Physical(
        address,
        decode(parts[0]),
        parts.length < 2 ? Optional.empty() : Optional.of(new Secret(decode(parts[1]))));
  }

  // URLDecoder is for forms, where a plus sign is a space.
  private static String decode(String text) {
    return URLDecoder.decode(text.replace("+", "%2B"), UTF_8);
  }
}
