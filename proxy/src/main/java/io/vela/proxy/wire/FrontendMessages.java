package io.vela.proxy.wire;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.vela.proxy.wire.StartupPacket.StartupMessage;
import java.util.List;
import java.util.Optional;

/**
 * Writes what a client sends, one message after another into one buffer (section 54.7). Whoever
 * takes {@link #buffer()} owns it.
 */
public final class FrontendMessages {
  private static final int BINARY = 1;

  private final ByteBuf out;
  private final MessageWriter writer;

  /** Writes into a new buffer. */
  public FrontendMessages(ByteBufAllocator allocator) {
    out = allocator.buffer();
    writer = new MessageWriter(out);
  }

  /** All that has been written; belongs to the caller. */
  public ByteBuf buffer() {
    return out;
  }

  /** Begins a session. */
  public FrontendMessages startup(StartupMessage startup) {
    writer.beginUntyped().writeInt(startup.protocolVersion());
    startup.parameters().forEach((name, value) -> writer.writeString(name).writeString(value));
    return end(writer.writeByte(0));
  }

  /** Asks to cancel what the key's owner runs. */
  public FrontendMessages cancelRequest(CancelKey key) {
    return end(writer.beginUntyped().writeInt(StartupPacket.CANCEL_REQUEST_CODE).writeKey(key));
  }

  /** Asks for TLS. */
  public FrontendMessages sslRequest() {
    return end(writer.beginUntyped().writeInt(StartupPacket.SSL_REQUEST_CODE));
  }

  /** Asks for GSSAPI encryption. */
  public FrontendMessages gssEncRequest() {
    return end(writer.beginUntyped().writeInt(StartupPacket.GSSENC_REQUEST_CODE));
  }

  /** The password, as it is or as MD5. */
  public FrontendMessages password(String password) {
    return end(writer.begin(FrontendType.PASSWORD).writeString(password));
  }

  /** Chooses a SASL mechanism and begins with it. */
  public FrontendMessages saslInitialResponse(String mechanism, Optional<String> initial) {
    writer.begin(FrontendType.PASSWORD).writeString(mechanism);
    if (initial.isPresent()) {
      byte[] data = initial.get().getBytes(UTF_8);
      writer.writeInt(data.length).writeBytes(data);
    } else {
      writer.writeInt(-1);
    }
    return end(writer);
  }

  /** Goes on with SASL. */
  public FrontendMessages saslResponse(String response) {
    return end(writer.begin(FrontendType.PASSWORD).writeBytes(response.getBytes(UTF_8)));
  }

  /** A simple query. */
  public FrontendMessages query(String sql) {
    return end(writer.begin(FrontendType.QUERY).writeString(sql));
  }

  /**
   * Prepares a statement.
   *
   * @param name as bytes, since it is in the client's encoding; empty for the unnamed one
   * @param sql likewise
   * @param types OIDs of its parameters' types; 0 or none for those that are to be found out
   */
  public FrontendMessages parse(byte[] name, byte[] sql, int... types) {
    writer.begin(FrontendType.PARSE).writeString(name).writeString(sql).writeShort(types.length);
    for (int type : types) {
      writer.writeInt(type);
    }
    return end(writer);
  }

  /**
   * Makes a portal of a statement; its parameters are given and its columns asked for in binary.
   */
  public FrontendMessages bind(byte[] portal, byte[] statement, List<byte[]> parameters) {
    writer.begin(FrontendType.BIND).writeString(portal).writeString(statement);
    writer.writeShort(1).writeShort(BINARY).writeShort(parameters.size());
    parameters.forEach(value -> writer.writeInt(value.length).writeBytes(value));
    return end(writer.writeShort(1).writeShort(BINARY));
  }

  /** Asks for a statement's parameters and columns. */
  public FrontendMessages describeStatement(byte[] name) {
    return end(writer.begin(FrontendType.DESCRIBE).writeByte('S').writeString(name));
  }

  /** Runs a portal to its end. */
  public FrontendMessages execute(byte[] portal) {
    return end(writer.begin(FrontendType.EXECUTE).writeString(portal).writeInt(0));
  }

  /** Forgets a statement; no error if there is none. */
  public FrontendMessages closeStatement(byte[] name) {
    return end(writer.begin(FrontendType.CLOSE).writeByte('S').writeString(name));
  }

  /** Forgets a portal; no error if there is none. */
  public FrontendMessages closePortal(byte[] name) {
    return end(writer.begin(FrontendType.CLOSE).writeByte('P').writeString(name));
  }

  /** A message as a client sent it, type and length included. */
  public FrontendMessages whole(RawMessage message) {
    out.writeBytes(message.toBuffer());
    return this;
  }

  /** Ends an extended query. */
  public FrontendMessages sync() {
    return end(writer.begin(FrontendType.SYNC));
  }

  /** Says goodbye. */
  public FrontendMessages terminate() {
    return end(writer.begin(FrontendType.TERMINATE));
  }

  private FrontendMessages end(MessageWriter message) {
    message.end();
    return this;
  }
}
