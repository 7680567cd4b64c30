package io.vela.proxy.auth;

import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.SqlState;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.naming.InvalidNameException;
import javax.naming.NamingException;
import javax.naming.ldap.LdapName;
import javax.security.auth.x500.X500Principal;

/**
 * A client certificate, which TLS has verified, stands for a role: the one whose name is the
 * subject's common name, or those that the listener's map gives it (Postgres documentation, section
 * 20.12, "Certificate Authentication"). What does not match is refused in Postgres's words ({@code
 * auth_failed} in auth.c).
 */
public final class CertificateAuth implements AuthMethod {
  private final String role;
  private final X509Certificate certificate;
  private final Map<String, List<String>> rolesBySubject;

  /**
   * @param role the one asked for
   * @param certificate the client's own, verified
   * @param rolesBySubject {@link io.vela.config.AuthConfig#certificateRoles}
   */
  CertificateAuth(
      String role, X509Certificate certificate, Map<String, List<String>> rolesBySubject) {
    this.role = role;
    this.certificate = certificate;
    this.rolesBySubject = rolesBySubject;
  }

  @Override
  public String label() {
    return "cert";
  }

  @Override
  public AuthStep begin() {
    return grants()
        ? new AuthStep.Matched(Optional.empty())
        : new AuthStep.Refuse(
            ErrorMessage.fatal(
                SqlState.INVALID_AUTHORIZATION_SPECIFICATION,
                "certificate authentication failed for user \"" + role + "\""));
  }

  private boolean grants() {
    var subject = certificate.getSubjectX500Principal();
    var commonName = commonName(subject);
    if (rolesBySubject.isEmpty()) {
      return commonName.filter(role::equals).isPresent();
    }
    return rolesBySubject
            .getOrDefault(subject.getName(X500Principal.RFC2253), List.of())
            .contains(role)
        || commonName
            .map(name -> rolesBySubject.getOrDefault(name, List.of()).contains(role))
            .orElse(false);
  }

  /** The first in the subject, as {@code X509_NAME_get_index_by_NID} finds it for Postgres. */
  private static Optional<String> commonName(X500Principal subject) {
    try {
      // The parts of an RFC 2253 name come last first; LdapName counts from the right.
      for (var part : new LdapName(subject.getName(X500Principal.RFC2253)).getRdns()) {
        var name = part.toAttributes().get("CN");
        if (name != null && name.get() instanceof String text) {
          return Optional.of(text);
        }
      }
      return Optional.empty();
    } catch (InvalidNameException e) {
      throw new IllegalStateException("Java cannot read its own form of a name", e);
    } catch (NamingException e) {
      return Optional.empty();
    }
  }
}
