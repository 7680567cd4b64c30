package io.vela.agent;

import java.util.Optional;

/**
 * A clone found in the pool.
 *
 * @param id its id
 * @param running where its instance accepts connections; empty when none runs
 * @param settled whether what was last read of it still holds: it has not run since, or was read at
 *     the end of that
 */
public record CloneInfo(CloneId id, Optional<Endpoint> running, boolean settled) {}
