package io.vela.admin;

import io.vela.config.HttpConfig;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.net.SocketAddress;
import java.net.InetAddress;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Checks what a request calls the server (RFC 9110, 7.2 and 7.4). A page in a browser can make a
 * name of its own resolve to this host's address (DNS rebinding) and is then of the same origin as
 * Vela; the name in {@code Host} is the only thing that tells.
 */
final class RequestedHost {
  private static final Pattern PORT = Pattern.compile(":\\d{0,5}$");

  private final Set<String> known = new TreeSet<>(Set.of("localhost"));

  RequestedHost(HttpConfig config) {
    known.addAll(config.hosts());
    known.add(config.address().host().toLowerCase(Locale.ROOT));
  }

  /** What is wrong with the request's host; empty when it may call the server so. */
  Optional<Problem> refusal(HttpServerRequest request) {
    var headers = request.headers().getAll(HttpHeaders.HOST);
    if (headers.isEmpty() && request.version() == HttpVersion.HTTP_1_0) {
      return Optional.empty(); // It had no such header, and no browser speaks it.
    }
    if (headers.size() != 1) {
      return Optional.of(new Problem(ProblemType.MALFORMED, "a request has one Host header"));
    }
    return isKnown(headers.getFirst(), request.localAddress())
        ? Optional.empty()
        : Optional.of(
            new Problem(
                ProblemType.MISDIRECTED,
                "the request's Host is not a name of this server",
                "Names other than loopback ones must stand in http.hosts of vela.yaml."));
  }

  private boolean isKnown(String header, SocketAddress local) {
    var host = name(header);
    return known.contains(host)
        || literal(host)
            .filter(
                address ->
                    address.isLoopbackAddress() || literal(local).equals(Optional.of(address)))
            .isPresent();
  }

  // The address itself where Vela listens on all of them: no name can be made to be an address.
  private static Optional<InetAddress> literal(SocketAddress local) {
    return Optional.ofNullable(local.hostAddress()).flatMap(RequestedHost::literal);
  }

  private static Optional<InetAddress> literal(String host) {
    try {
      return Optional.of(InetAddress.ofLiteral(host));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /** The host without its port, an IPv6 address without its brackets. */
  private static String name(String header) {
    var host = PORT.matcher(header.strip().toLowerCase(Locale.ROOT)).replaceFirst("");
    if (host.startsWith("[") && host.endsWith("]")) {
      return host.substring(1, host.length() - 1);
    }
    return host.endsWith(".") ? host.substring(0, host.length() - 1) : host;
  }
}
