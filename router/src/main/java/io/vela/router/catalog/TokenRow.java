package io.vela.router.catalog;

import io.vela.config.value.Secret;
import io.vela.router.route.TokenId;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * A token as the catalogue has it: never its secret.
 *
 * @param verifier {@code SCRAM-SHA-256$4096:salt$stored:server}, as in {@code pg_authid}
 * @param scope what it is good for
 * @param roles the only roles it may be used with; empty for any, where it lets clients in at all
 * @param rights what it grants there
 * @param expiresAt from when on it is refused; empty for never
 * @param revokedAt when it was taken back; empty while it was not
 */
public record TokenRow(
    TokenId id,
    Secret verifier,
    TokenScope scope,
    List<String> roles,
    Set<TokenRight> rights,
    Optional<Instant> expiresAt,
    Optional<Instant> revokedAt,
    Instant createdAt) {
  public TokenRow {
    roles = List.copyOf(roles);
    rights = Set.copyOf(rights);
  }

  /** Whether it lets anybody in. */
  public TokenState state(Instant now) {
    if (revoked()) {
      return TokenState.REVOKED;
    }
    return expiresAt.map(now::isBefore).orElse(true) ? TokenState.GOOD : TokenState.EXPIRED;
  }

  /** Whether it was taken back. */
  public boolean revoked() {
    return revokedAt.isPresent();
  }

  /** Whether it grants this right. */
  public boolean grants(TokenRight right) {
    return rights.contains(right);
  }

  /** Whether it may be used with this role. */
  public boolean allowsRole(String role) {
    return roles.isEmpty() || roles.contains(role);
  }
}
