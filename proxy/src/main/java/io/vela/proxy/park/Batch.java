package io.vela.proxy.park;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.vela.proxy.wire.FrontendMessages;
import io.vela.proxy.wire.RawMessage;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;

/**
 * Extended queries, sent in one write. Statements run under a name of their own, so that neither
 * the client's unnamed statement nor its portals are touched, as a simple query would. Strings are
 * bytes as ISO 8859-1.
 */
final class Batch {
  /** The statement and portal that everything runs as; a client that has it too is not parked. */
  static final String OWN_NAME = "vela: session state";

  private static final byte[] OWN = bytes(OWN_NAME);
  private static final int TEXT_OID = 25;

  private final FrontendMessages messages;
  private int syncs;

  Batch(ByteBufAllocator allocator) {
    messages = new FrontendMessages(allocator);
  }

  /** Runs one statement; parameters and result are binary. */
  Batch run(String sql, byte[]... parameters) {
    return forget().prepareOwn(sql, Arrays.asList(parameters));
  }

  private Batch prepareOwn(String sql, List<byte[]> parameters) {
    messages.parse(OWN, bytes(sql)).bind(OWN, OWN, parameters).execute(OWN);
    return this;
  }

  /** Leaves nothing of what ran before. */
  Batch forget() {
    messages.closePortal(OWN).closeStatement(OWN);
    return this;
  }

  /** Forgets a prepared statement; no error if there is none. */
  Batch close(String name) {
    messages.closeStatement(bytes(name));
    return this;
  }

  /** Prepares a statement that stays. */
  Batch prepare(String name, String sql, int... types) {
    messages.parse(bytes(name), bytes(sql), types);
    return this;
  }

  Batch describe(String name) {
    messages.describeStatement(bytes(name));
    return this;
  }

  /** A message as a client sent it. */
  Batch whole(RawMessage message) {
    messages.whole(message);
    return this;
  }

  /** Ends a segment: one {@link Reply}. After an error the rest of its segment is skipped. */
  Batch sync() {
    messages.sync();
    syncs++;
    return this;
  }

  int segments() {
    return syncs;
  }

  /** Belongs to the caller. */
  ByteBuf buffer() {
    return messages.buffer();
  }

  static byte[] bytes(String text) {
    return text.getBytes(ISO_8859_1);
  }

  /** A parameter of type text[] in binary (array_recv in arrayfuncs.c). */
  static byte[] textArray(Collection<String> elements) {
    var out = new ByteArrayOutputStream();
    ints(out, elements.isEmpty() ? 0 : 1, 0, TEXT_OID);
    if (!elements.isEmpty()) {
      ints(out, elements.size(), 1);
    }
    for (var element : elements) {
      var bytes = bytes(element);
      ints(out, bytes.length);
      out.writeBytes(bytes);
    }
    return out.toByteArray();
  }

  private static void ints(ByteArrayOutputStream out, int... values) {
    for (int value : values) {
      out.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(value).array());
    }
  }
}
