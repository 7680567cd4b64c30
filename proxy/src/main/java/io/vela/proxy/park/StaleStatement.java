package io.vela.proxy.park;

import io.vela.proxy.wire.RawMessage;
import java.util.Optional;

/**
 * A prepared statement that Postgres would refuse to execute after what has changed meanwhile. A
 * named one is stood in for by a {@link Decoy}, for as long as its backend lives.
 */
public final class StaleStatement {
  private final RawMessage error;
  private final Optional<PreparedStatement> original;

  /**
   * @param error the ErrorResponse, whole, that answers its use
   * @param original empty for the unnamed statement
   */
  StaleStatement(RawMessage error, Optional<PreparedStatement> original) {
    this.error = error;
    this.original = original;
  }

  RawMessage error() {
    return error;
  }

  Optional<PreparedStatement> original() {
    return original;
  }

  /** Bytes as ISO 8859-1; empty for the unnamed statement. */
  String name() {
    return original.map(PreparedStatement::name).orElse("");
  }
}
