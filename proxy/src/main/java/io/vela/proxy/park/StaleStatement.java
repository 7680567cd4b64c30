package io.vela.proxy.park;

import io.vela.proxy.wire.RawMessage;

/**
 * A prepared statement that Postgres would refuse to execute after what has changed meanwhile.
 *
 * @param name bytes as ISO 8859-1; empty for the unnamed statement
 * @param error the ErrorResponse, whole, that answers its use
 */
public record StaleStatement(String name, RawMessage error) {}
