package io.vela.admin;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.agent.Source;
import io.vela.config.value.HostPort;
import io.vela.config.value.Secret;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;

/**
 * Where a baseline comes from, as people write it: {@code postgresql://user@host:port/} (the URI of
 * libpq, "Connection URIs" in Postgres's documentation, without a database, and of its parameters
 * those of TLS) or {@code dir:/path}.
 */
public final class ImportSource {
  private static final int POSTGRES_PORT = 5432;
  private static final String MODE = "sslmode";
  private static final String ROOT_CERTIFICATE = "sslrootcert";
  private static final String CERTIFICATE = "sslcert";
  private static final String KEY = "sslkey";
  private static final List<String> TLS_PARAMETERS =
      List.of(MODE, ROOT_CERTIFICATE, CERTIFICATE, KEY);

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
    var tls = tls(Optional.ofNullable(uri.getRawQuery()));
    if (uri.getRawUserInfo() == null) {
      return new Source.Physical(address, "postgres", Optional.empty(), tls);
    }
    var parts = uri.getRawUserInfo().split(":", 2);
    return new Source.Physical(
        address,
        decode(parts[0]),
        parts.length < 2 ? Optional.empty() : Optional.of(new Secret(decode(parts[1]))),
        tls);
  }

  private static Source.Tls tls(Optional<String> query) {
    var parameters = new HashMap<String, String>();
    for (var parameter : query.map(text -> text.split("&", -1)).orElse(new String[0])) {
      var parts = parameter.split("=", 2);
      if (parts.length < 2 || !TLS_PARAMETERS.contains(parts[0])) {
        throw new IllegalArgumentException(
            "the source's URL has a parameter that is none of "
                + String.join(", ", TLS_PARAMETERS));
      }
      if (parameters.put(parts[0], decode(parts[1])) != null) {
        throw new IllegalArgumentException("the source's URL has " + parts[0] + " twice");
      }
    }
    return new Source.Tls(
        Optional.ofNullable(parameters.get(MODE))
            .map(ImportSource::mode)
            .orElse(Source.Tls.WHERE_OFFERED.mode()),
        Optional.ofNullable(parameters.get(ROOT_CERTIFICATE)),
        Optional.ofNullable(parameters.get(CERTIFICATE)),
        Optional.ofNullable(parameters.get(KEY)));
  }

  private static Source.TlsMode mode(String text) {
    for (var mode : Source.TlsMode.values()) {
      if (mode.toString().equals(text)) {
        return mode;
      }
    }
    throw new IllegalArgumentException(
        "sslmode is disable, allow, prefer, require, verify-ca or verify-full");
  }

  // URLDecoder is for forms, where a plus sign is a space.
  private static String decode(String text) {
    return URLDecoder.decode(text.replace("+", "%2B"), UTF_8);
  }
}
