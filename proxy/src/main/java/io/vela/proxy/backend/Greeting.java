package io.vela.proxy.backend;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufUtil;
import io.vela.proxy.wire.BackendType;
import io.vela.proxy.wire.TypedMessage;
import java.util.ArrayList;
import java.util.List;

/**
 * What a backend said from its start to its first ReadyForQuery, with the parameters as they are
 * now: what a session hears that is given the backend later. On the event loop only.
 */
final class Greeting {
  private final List<Said> all = new ArrayList<>();

  private record Said(byte type, byte[] payload) {
    /** The bytes before the first zero, whatever their encoding. */
    String name() {
      int end = 0;
      while (end < payload.length && payload[end] != 0) {
        end++;
      }
      return new String(payload, 0, end, ISO_8859_1);
    }
  }

  /** Takes note of a message, which stays the caller's. */
  void add(TypedMessage message) {
    all.add(said(message));
  }

  /** A ParameterStatus takes the place of the last one of that name. */
  void parameter(TypedMessage status) {
    var now = said(status);
    for (int i = 0; i < all.size(); i++) {
      if (all.get(i).type == BackendType.PARAMETER_STATUS && all.get(i).name().equals(now.name())) {
        all.set(i, now);
        return;
      }
    }
    // Postgres says them after AuthenticationOk and before BackendKeyData.
    int ready = all.isEmpty() || all.getLast().type != BackendType.READY_FOR_QUERY ? 0 : 1;
    all.add(all.size() - ready, now);
  }

  private static Said said(TypedMessage message) {
    return new Said(message.type(), ByteBufUtil.getBytes(message.content()));
  }

  /** All of it as it came; belongs to the caller. */
  ByteBuf bytes(ByteBufAllocator allocator) {
    var bytes = allocator.buffer();
    for (var one : all) {
      bytes.writeByte(one.type);
      bytes.writeInt(Integer.BYTES + one.payload.length);
      bytes.writeBytes(one.payload);
    }
    return bytes;
  }
}
