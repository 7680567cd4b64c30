package io.vela.proxy.auth;

import io.vela.agent.Role;
import io.vela.config.AuthConfig.Method;
import io.vela.config.value.Secret;
import io.vela.router.route.BranchAddress.PresentedToken;
import java.security.SecureRandom;
import java.time.InstantSource;
import java.util.Base64;
import java.util.Optional;

/**
 * Chooses how a client must prove itself. Safe for use from any thread.
 *
 * <p>A role that does not exist, has no password, or whose password has run out goes through the
 * same exchange as any other and fails at its end, so that the three cannot be told apart (Postgres
 * does the same: {@code mock_scram_secret}).
 */
public final class Authenticator {
  /** Postgres's {@code SCRAM_RAW_NONCE_LEN}. */
  private static final int NONCE_BYTES = 18;

  private final Secret mockSecret;
  private final InstantSource clock;
  private final SecureRandom random;
  private final GuessThrottle throttle = new GuessThrottle();

  /**
   * @param mockSecret what the salts of unknown users derive from; the same in all processes that
   *     one user may reach
   */
  public Authenticator(Secret mockSecret, InstantSource clock, SecureRandom random) {
    this.mockSecret = mockSecret;
    this.clock = clock;
    this.random = random;
  }

  /** Slows those who guess at what the methods ask for. */
  public GuessThrottle throttle() {
    return throttle;
  }

  /**
   * @param request who asks
   * @param role what the router answered for the address; empty for an unknown role
   */
  public AuthMethod methodFor(AuthRequest request, Optional<Role> role) {
    var allowed = request.allowed();
    var presented = request.address().token();
    if (presented.isPresent()) {
      if (!allowed.allows(Method.TOKEN)) {
        return new NotAllowedAuth("token", "branch tokens are not accepted on this address");
      }
      return presented.get() instanceof PresentedToken.AsBearer
          ? new BearerTokenAuth()
          : scram("token", request, role.filter(this::passwordHolds).flatMap(Role::password));
    }
    var certificates = request.security().clientChain();
    if (allowed.allows(Method.CERT) && !certificates.isEmpty()) {
      return new CertificateAuth(
          request.user(), certificates.getFirst(), allowed.certificateRoles());
    }
    if (allowed.allows(Method.TRUST) && request.security().loopback()) {
      return new TrustAuth();
    }
    return passwordMethod(request, role.filter(this::passwordHolds).flatMap(Role::password));
  }

  /** What a role has instead of a known password goes through SCRAM and fails there. */
  private AuthMethod passwordMethod(AuthRequest request, Optional<Secret> password) {
    var allowed = request.allowed();
    if (allowed.allows(Method.MD5)) {
      var md5 = password.map(Secret::reveal).filter(Md5Auth::isHash);
      if (md5.isPresent()) {
        return new Md5Auth(md5.get(), random.nextInt());
      }
    }
    if (allowed.allows(Method.SCRAM) || allowed.allows(Method.MD5)) {
      return scram("scram-sha-256", request, password);
    }
    return allowed.allows(Method.CERT)
        // In Postgres's words (ClientAuthentication in auth.c).
        ? new NotAllowedAuth("cert", "connection requires a valid client certificate")
        : new NotAllowedAuth("password", "passwords are not accepted on this address");
  }

  private AuthMethod scram(String label, AuthRequest request, Optional<Secret> password) {
    var verifier =
        password
            .flatMap(ScramVerifier::parse)
            .orElseGet(() -> ScramVerifier.mock(request.user(), mockSecret));
    var binding = request.security().serverCertificate().flatMap(ChannelBinding::of);
    return new ScramSha256Auth(label, verifier, nonce(), binding);
  }

  /** Whether the role's password has not run out: {@code VALID UNTIL}. */
  public boolean passwordHolds(Role role) {
    return role.validUntil().map(until -> !until.isBefore(clock.instant())).orElse(true);
  }

  private String nonce() {
    var bytes = new byte[NONCE_BYTES];
    random.nextBytes(bytes);
    return Base64.getEncoder().encodeToString(bytes);
  }
}
