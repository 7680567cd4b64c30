package io.vela.proxy.park;

import io.vela.proxy.wire.RowShape;
import java.util.Optional;

/**
 * A named prepared statement.
 *
 * @param name bytes as ISO 8859-1
 * @param sql what was parsed; of one made by SQL the PREPARE itself
 * @param types OIDs of its parameters' types
 * @param bySql whether PREPARE made it
 * @param shape of its result; empty when it could not be told
 * @param stale whether it had become unusable because that changed
 */
record PreparedStatement(
    String name, String sql, int[] types, boolean bySql, Optional<RowShape> shape, boolean stale) {}
