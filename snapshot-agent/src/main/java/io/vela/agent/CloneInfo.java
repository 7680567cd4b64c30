package io.vela.agent;

import java.util.Optional;

/**
 * A clone found in the pool.
 *
 * @param id its id
 * @param running where its instance accepts connections; empty when none runs
 * @param settled whether what was last read of it still holds: it has not run since, or was read at
 *     the end of that
 * @param trouble why the instance that an earlier Vela left could not be taken over; empty where
 *     there is none, or it was
 */
public record CloneInfo(
    CloneId id, Optional<Endpoint> running, boolean settled, Optional<CloneFailure> trouble) {
  /** One without trouble. */
  public CloneInfo(CloneId id, Optional<Endpoint> running, boolean settled) {
    this(id, running, settled, Optional.empty());
  }
}
