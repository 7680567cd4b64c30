package io.vela.proxy.auth;

import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;

/**
 * What protects a client's connection, as far as authentication depends on it.
 *
 * @param loopback whether the true client is on this host
 * @param serverCertificate the certificate that the client was shown; empty without TLS
 * @param clientChain the client's certificate and its issuers, verified; empty without one
 * @param serverName the name that the client asked for (SNI, RFC 6066), in lower case
 */
public record ConnectionSecurity(
    boolean loopback,
    Optional<X509Certificate> serverCertificate,
    List<X509Certificate> clientChain,
    Optional<String> serverName) {
  public ConnectionSecurity {
    clientChain = List.copyOf(clientChain);
  }

  /** A connection without TLS. */
  public static ConnectionSecurity plaintext(boolean loopback) {
    return new ConnectionSecurity(loopback, Optional.empty(), List.of(), Optional.empty());
  }

  /** Whether nobody in between can read it. */
  public boolean encrypted() {
    return serverCertificate.isPresent();
  }
}
