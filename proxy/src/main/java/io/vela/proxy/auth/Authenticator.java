package io.vela.proxy.auth;

import io.vela.agent.Role;
import io.vela.config.value.Secret;
import io.vela.router.route.BranchAddress;
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

  /**
   * @param mockSecret what the salts of unknown users derive from; the same in all processes that
   *     one user may reach
   */
  public Authenticator(Secret mockSecret, InstantSource clock, SecureRandom random) {
    this.mockSecret = mockSecret;
    this.clock = clock;
    this.random = random;
  }

  /**
   * @param user as the client gave it, a token's id included
   * @param role what the router answered for the address; empty for an unknown role
   */
  public AuthMethod methodFor(String user, BranchAddress address, Optional<Role> role) {
    var presented = address.token();
    if (presented.isPresent() && presented.get() instanceof PresentedToken.AsBearer) {
      return new BearerTokenAuth();
    }
    return passwordMethod(presented.isPresent() ? "token" : "scram-sha-256", user, role);
  }

  private AuthMethod passwordMethod(String label, String user, Optional<Role> role) {
    var password = role.filter(this::passwordHolds).flatMap(Role::password);
    var md5 = password.map(Secret::reveal).filter(Md5Auth::isHash);
    if (md5.isPresent()) {
      return new Md5Auth(md5.get(), random.nextInt());
    }
    var verifier =
        password
            .flatMap(ScramVerifier::parse)
            .orElseGet(() -> ScramVerifier.mock(user, mockSecret));
    return new ScramSha256Auth(label, verifier, nonce());
  }

  private boolean passwordHolds(Role role) {
    return role.validUntil().map(until -> !until.isBefore(clock.instant())).orElse(true);
  }

  private String nonce() {
    var bytes = new byte[NONCE_BYTES];
    random.nextBytes(bytes);
    return Base64.getEncoder().encodeToString(bytes);
  }
}
