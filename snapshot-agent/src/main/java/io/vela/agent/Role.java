package io.vela.agent;

import io.vela.config.value.Secret;
import java.time.Instant;
import java.util.Optional;

/**
 * A role as {@code pg_authid} has it (Postgres documentation, section 53.8).
 *
 * @param name {@code rolname}
 * @param password {@code rolpassword}: a SCRAM verifier or an md5 hash; empty when none is set
 * @param canLogin {@code rolcanlogin}
 * @param superuser {@code rolsuper}
 * @param connectionLimit {@code rolconnlimit}; -1 without a limit
 * @param validUntil {@code rolvaliduntil}; {@link Instant#MAX} for infinity; empty when none is set
 */
public record Role(
    String name,
    Optional<Secret> password,
    boolean canLogin,
    boolean superuser,
    int connectionLimit,
    Optional<Instant> validUntil) {}
