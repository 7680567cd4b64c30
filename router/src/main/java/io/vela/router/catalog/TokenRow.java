package io.vela.router.catalog;

import io.vela.config.value.Secret;
import io.vela.router.route.TokenId;
import java.time.Instant;
import java.util.Optional;

/**
 * A token as the catalogue has it: never its secret.
 *
 * @param verifier {@code SCRAM-SHA-256$4096:salt$stored:server}, as in {@code pg_authid}
 * @param branch {@link BranchRow#id} of the one branch it is good for; empty for the whole system
 * @param role the only role it may be used with; empty for any
 * @param expiresAt from when on it is refused; empty for never
 * @param revoked whether it was taken back
 */
public record TokenRow(
    TokenId id,
    Secret verifier,
    Optional<Long> branch,
    Optional<String> role,
    Optional<Instant> expiresAt,
    boolean revoked,
    Instant createdAt) {}
