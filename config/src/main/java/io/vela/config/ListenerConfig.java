package io.vela.config;

import io.vela.config.value.BranchName;
import io.vela.config.value.HostPort;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * One address where Postgres clients connect.
 *
 * @param address where to listen
 * @param defaultBranch the branch of a client that names none
 * @param suffix a domain, in lower case: a TLS server name of one label below it names a branch
 * @param tls whether and how connections are encrypted
 * @param proxyProtocol whose word is taken for where a client comes from
 * @param maxConnections how many clients at once; empty for any number
 */
public record ListenerConfig(
    HostPort address,
    Optional<BranchName> defaultBranch,
    Optional<String> suffix,
    TlsConfig tls,
    ProxyProtocolConfig proxyProtocol,
    Optional<Integer> maxConnections) {
  private static final Pattern DOMAIN =
      Pattern.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*");

  /** 127.0.0.1:6432, plaintext, without a default branch. */
  public static final ListenerConfig DEFAULT =
      new ListenerConfig(new HostPort("127.0.0.1", 6432), Optional.empty());

  /**
   * @throws IllegalArgumentException for a suffix that is no domain, or a limit below 1
   */
  public ListenerConfig {
    suffix = suffix.map(ListenerConfig::validSuffix);
    if (maxConnections.filter(limit -> limit < 1).isPresent()) {
      throw new IllegalArgumentException("max-connections must be at least 1");
    }
  }

  /** A plaintext listener for any number of clients. */
  public ListenerConfig(HostPort address, Optional<BranchName> defaultBranch) {
    this(
        address,
        defaultBranch,
        Optional.empty(),
        TlsConfig.OFF,
        ProxyProtocolConfig.OFF,
        Optional.empty());
  }

  static String validSuffix(String text) {
    var lower = text.toLowerCase(Locale.ROOT);
    if (lower.length() > 253 || !DOMAIN.matcher(lower).matches()) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is not a domain; expected one like db.example.com");
    }
    return lower;
  }

  /** The same at another address. */
  public ListenerConfig withAddress(HostPort other) {
    return new ListenerConfig(other, defaultBranch, suffix, tls, proxyProtocol, maxConnections);
  }

  /** The same with other TLS settings. */
  public ListenerConfig withTls(TlsConfig other) {
    return new ListenerConfig(address, defaultBranch, suffix, other, proxyProtocol, maxConnections);
  }
}
