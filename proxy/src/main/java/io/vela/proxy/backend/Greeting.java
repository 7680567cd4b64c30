package io.vela.proxy.backend;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.vela.proxy.wire.BackendType;
import io.vela.proxy.wire.RawMessage;
import java.util.ArrayList;
import java.util.List;

/**
 * What a backend said from its start to its first ReadyForQuery, with the parameters as they are
 * now: what a session hears that is given the backend later. On the event loop only.
 */
final class Greeting {
  private static final int HEADER_LENGTH = 1 + Integer.BYTES;

  private final List<RawMessage> all = new ArrayList<>();

  /** Takes note of a message. */
  void add(RawMessage message) {
    all.add(message);
  }

  /** A ParameterStatus takes the place of the last one of that name. */
  void parameter(RawMessage status) {
    for (int i = 0; i < all.size(); i++) {
      var one = all.get(i);
      if (one.type() == BackendType.PARAMETER_STATUS && name(one).equals(name(status))) {
        all.set(i, status);
        return;
      }
    }
    // Postgres says them after AuthenticationOk and before ReadyForQuery.
    boolean complete = !all.isEmpty() && all.getLast().type() == BackendType.READY_FOR_QUERY;
    all.add(complete ? all.size() - 1 : all.size(), status);
  }

  /** The bytes before the first zero, whatever their encoding. */
  private static String name(RawMessage status) {
    var payload = status.toBuffer().skipBytes(HEADER_LENGTH);
    int end = payload.bytesBefore((byte) 0);
    return payload.toString(payload.readerIndex(), Math.max(end, 0), ISO_8859_1);
  }

  /** All of it as it came; belongs to the caller. */
  ByteBuf bytes(ByteBufAllocator allocator) {
    var bytes = allocator.buffer(all.stream().mapToInt(RawMessage::length).sum());
    all.forEach(message -> bytes.writeBytes(message.toBuffer()));
    return bytes;
  }
}
