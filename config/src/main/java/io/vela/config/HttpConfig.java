package io.vela.config;

import io.vela.config.value.ByteSize;
import io.vela.config.value.HostPort;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * How REST, metrics and health are served.
 *
 * @param address where they answer
 * @param hosts names that a request's {@code Host} may say besides those that always may (loopback
 *     names and addresses, the address listened on); in lower case
 * @param metrics who may read the metrics
 * @param maxConnections how many connections may be open at once
 * @param maxBody how large the body of a request may be
 * @param headerTimeout how long a connection may take to send the head of its first request
 * @param bodyTimeout how long a request may take to send its body
 */
public record HttpConfig(
    HostPort address,
    List<String> hosts,
    MetricsAccess metrics,
    int maxConnections,
    ByteSize maxBody,
    Duration headerTimeout,
    Duration bodyTimeout) {
  /** Loopback only, and what people and programs need at most. */
  public static final HttpConfig DEFAULT =
      new HttpConfig(
          new HostPort("127.0.0.1", 6433),
          List.of(),
          MetricsAccess.OPEN,
          256,
          ByteSize.parse("64kB"),
          Duration.ofSeconds(10),
          Duration.ofSeconds(10));

  private static final Pattern HOST = Pattern.compile("[a-z0-9]([a-z0-9._-]*[a-z0-9])?|[0-9a-f:]+");

  /** Above this, bodies that are being read could take a small heap. */
  private static final long MOST_BYTES = 16 << 20;

  /** Who may read the metrics. */
  public enum MetricsAccess {
    /** Everybody who reaches the address. */
    OPEN,
    /** Bearers of a token with the right {@code admin} for the whole system. */
    TOKEN;

    /**
     * @throws IllegalArgumentException for anything but the names in lower case
     */
    public static MetricsAccess parse(String text) {
      return switch (text) {
        case "open" -> OPEN;
        case "token" -> TOKEN;
        default -> throw new IllegalArgumentException("expected open or token");
      };
    }
  }

  /**
   * @throws IllegalArgumentException for what the static methods below refuse
   */
  public HttpConfig {
    hosts = hosts.stream().map(HttpConfig::validHost).toList();
    validMaxBody(maxBody);
    if (maxConnections < 1) {
      throw new IllegalArgumentException("at least one connection must be possible");
    }
    if (!headerTimeout.isPositive() || !bodyTimeout.isPositive()) {
      throw new IllegalArgumentException("timeouts must be more than 0");
    }
  }

  /** The default at another address. */
  public static HttpConfig at(HostPort address) {
    return DEFAULT.withAddress(address);
  }

  /** The same at another address. */
  public HttpConfig withAddress(HostPort other) {
    return new HttpConfig(
        other, hosts, metrics, maxConnections, maxBody, headerTimeout, bodyTimeout);
  }

  /** The same with another bound on connections. */
  public HttpConfig withMaxConnections(int other) {
    return new HttpConfig(address, hosts, metrics, other, maxBody, headerTimeout, bodyTimeout);
  }

  /**
   * @return the name as it is compared
   * @throws IllegalArgumentException for what is no host name or address without its port
   */
  static String validHost(String text) {
    var host = text.toLowerCase(Locale.ROOT);
    if (!HOST.matcher(host).matches()) {
      throw new IllegalArgumentException(
          "expected a host name or address without a port, as vela.example.com");
    }
    return host;
  }

  static ByteSize validMaxBody(ByteSize size) {
    if (size.bytes() < 1024 || size.bytes() > MOST_BYTES) {
      throw new IllegalArgumentException("expected 1kB to 16MB");
    }
    return size;
  }
}
