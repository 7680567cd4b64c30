package io.vela.proxy.park;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.vela.proxy.wire.BackendType;
import io.vela.proxy.wire.ErrorFields;
import io.vela.proxy.wire.ProtocolViolation;
import io.vela.proxy.wire.RawMessage;

/**
 * An ErrorResponse of a backend.
 *
 * @param fields what it says
 * @param message the whole message, byte for byte
 */
record BackendError(ErrorFields fields, RawMessage message) {
  static BackendError of(ByteBuf payload) throws ProtocolViolation {
    return new BackendError(
        ErrorFields.parse(payload.duplicate()), RawMessage.of(BackendType.ERROR_RESPONSE, payload));
  }

  /**
   * What Postgres says when a prepared statement's result would have other columns than it had
   * (RevalidateCachedQuery in plancache.c). Drivers that prepare again by themselves look at the
   * code and at the routine.
   */
  static RawMessage changedResultType() {
    var fields =
        "SERROR\0VERROR\0C0A000\0Mcached plan must not change result type\0"
            + "Fplancache.c\0RRevalidateCachedQuery\0\0";
    return RawMessage.of(BackendType.ERROR_RESPONSE, Unpooled.wrappedBuffer(Batch.bytes(fields)));
  }

  boolean is(String sqlState) {
    return fields.code().equals(sqlState);
  }

  @Override
  public String toString() {
    return fields.code() + " " + fields.message();
  }
}
