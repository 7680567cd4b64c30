package io.vela.config.value;

/**
 * An address to listen on or connect to.
 *
 * @param host a host name or address; an IPv6 address without its brackets
 * @param port 0 to 65535; 0 asks the system for a free port
 */
public record HostPort(String host, int port) {
  /**
   * @throws IllegalArgumentException for an empty host or a port out of range
   */
  public HostPort {
    if (host.isBlank()) {
      throw new IllegalArgumentException("the host is empty");
    }
    if (port < 0 || port > 65_535) {
      throw new IllegalArgumentException("port " + port + " is not between 0 and 65535");
    }
  }

  /**
   * Parses {@code host:port}, {@code [ipv6]:port}, or {@code :port} and {@code port} alone, which
   * mean 127.0.0.1.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static HostPort parse(String text) {
    int colon = text.lastIndexOf(':');
    var host = colon <= 0 ? "127.0.0.1" : text.substring(0, colon);
    if (host.startsWith("[") && host.endsWith("]")) {
      host = host.substring(1, host.length() - 1);
    } else if (host.indexOf(':') >= 0) {
      throw new IllegalArgumentException(
          "\"" + text + "\": write an IPv6 address in brackets, as [::1]:6432");
    }
    try {
      return new HostPort(host, Integer.parseInt(text.substring(colon + 1)));
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("\"" + text + "\" is not host:port", e);
    }
  }

  @Override
  public String toString() {
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
  }
}
