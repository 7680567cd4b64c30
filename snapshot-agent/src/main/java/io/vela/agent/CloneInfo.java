package io.vela.agent;

import java.util.Optional;

/**
 * A clone found in the pool.
 *
 * @param id its id
 * @param running where its instance accepts connections; empty when none runs
 */
public record CloneInfo(CloneId id, Optional<Endpoint> running) {}
