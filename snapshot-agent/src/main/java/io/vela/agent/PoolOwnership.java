package io.vela.agent;

/**
 * Whose a pool is, as the pool itself says it.
 *
 * @param pool the pool's own id, which never changes
 * @param epoch how often a Vela has taken the pool over; 0 when none has yet. The catalogue has the
 *     same number: where the two differ, one of them is older than the other
 * @param owner who took it over last, for a person; empty when nobody has yet
 */
public record PoolOwnership(String pool, long epoch, String owner) {}
