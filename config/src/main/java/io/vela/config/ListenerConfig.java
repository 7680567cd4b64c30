package io.vela.config;

import io.vela.config.value.BranchName;
import io.vela.config.value.HostPort;
import java.net.InetAddress;
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
 * @param maxConnections how many clients at once; empty for as many as file descriptors allow
 * @param auth how clients may prove who they are
 */
public record ListenerConfig(
    HostPort address,
    Optional<BranchName> defaultBranch,
    Optional<String> suffix,
    TlsConfig tls,
    ProxyProtocolConfig proxyProtocol,
    Optional<Integer> maxConnections,
    AuthConfig auth) {
  private static final Pattern DOMAIN =
      Pattern.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*");

  /** 127.0.0.1:6432, plaintext, without a default branch. */
  public static final ListenerConfig DEFAULT =
      new ListenerConfig(new HostPort("127.0.0.1", 6432), Optional.empty());

  /**
   * @throws IllegalArgumentException for a suffix that is no domain, a limit below 1, trust beyond
   *     this host, or client certificates as a proof where none are asked for
   */
  public ListenerConfig {
    suffix = suffix.map(ListenerConfig::validSuffix);
    if (maxConnections.filter(limit -> limit < 1).isPresent()) {
      throw new IllegalArgumentException("max-connections must be at least 1");
    }
    if (auth.allows(AuthConfig.Method.TRUST) && !isLoopback(address)) {
      throw new IllegalArgumentException(
          "trust is possible on a loopback address only, and " + address + " is none");
    }
    if (auth.allows(AuthConfig.Method.CERT)
        && tls.clientCertificates() == TlsConfig.ClientCertificates.NONE) {
      throw new IllegalArgumentException(
          "cert in auth needs clients' certificates: set tls.client-ca");
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
        Optional.empty(),
        AuthConfig.DEFAULT);
  }

  /** One with passwords and tokens. */
  public ListenerConfig(
      HostPort address,
      Optional<BranchName> defaultBranch,
      Optional<String> suffix,
      TlsConfig tls,
      ProxyProtocolConfig proxyProtocol,
      Optional<Integer> maxConnections) {
    this(address, defaultBranch, suffix, tls, proxyProtocol, maxConnections, AuthConfig.DEFAULT);
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
    return new ListenerConfig(
        other, defaultBranch, suffix, tls, proxyProtocol, maxConnections, auth);
  }

  /** The same with other TLS settings. */
  public ListenerConfig withTls(TlsConfig other) {
    return new ListenerConfig(
        address, defaultBranch, suffix, other, proxyProtocol, maxConnections, auth);
  }

  /** The same with other ways to prove who one is. */
  public ListenerConfig withAuth(AuthConfig other) {
    return new ListenerConfig(
        address, defaultBranch, suffix, tls, proxyProtocol, maxConnections, other);
  }

  /** The same with another bound on connections. */
  public ListenerConfig withMaxConnections(int other) {
    return new ListenerConfig(
        address, defaultBranch, suffix, tls, proxyProtocol, Optional.of(other), auth);
  }

  /** How many more than {@link #maxConnections} may wait to be told that there is no place. */
  public static int waiting(int maxConnections) {
    return Math.max(1, maxConnections / 4);
  }

  /** Names are not looked up: what they mean may change. */
  private static boolean isLoopback(HostPort address) {
    try {
      return address.host().equals("localhost")
          || InetAddress.ofLiteral(address.host()).isLoopbackAddress();
    } catch (IllegalArgumentException notLiteral) {
      return false;
    }
  }
}
