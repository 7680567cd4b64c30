package io.vela.proxy.wire;

import static io.vela.proxy.wire.StartupPacket.CANCEL_REQUEST_CODE;
import static io.vela.proxy.wire.StartupPacket.GSSENC_REQUEST_CODE;
import static io.vela.proxy.wire.StartupPacket.SSL_REQUEST_CODE;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.vela.proxy.wire.StartupPacket.CancelRequest;
import io.vela.proxy.wire.StartupPacket.GssEncRequest;
import io.vela.proxy.wire.StartupPacket.SslRequest;
import io.vela.proxy.wire.StartupPacket.StartupMessage;
import io.vela.proxy.wire.StartupPacket.TooOld;
import io.vela.proxy.wire.StartupPacket.Unreadable;
import java.util.LinkedHashMap;
import java.util.List;

/**
 * Turns a client's first bytes into {@link StartupPacket}s: any number of SSLRequest and
 * GSSENCRequest, then one StartupMessage, CancelRequest or {@link Malformed}. After that one it
 * decodes no more. Bytes that follow a StartupMessage are kept and handed to the next handler when
 * this one is removed, which must happen while the StartupMessage is being handled.
 *
 * <p>A length is judged before anything is kept for it, so a client can make this hold no more than
 * a packet of {@link #MAX_LENGTH} bytes and one read.
 */
public final class StartupPacketDecoder extends ByteToMessageDecoder {
  /**
   * The longest packet, in bytes without its length word: Postgres's MAX_STARTUP_PACKET_LENGTH
   * (src/include/libpq/pqcomm.h).
   */
  public static final int MAX_LENGTH = 10_000;

  private enum State {
    DECODING,
    STARTED,
    ENDED
  }

  private State state = State.DECODING;

  /**
   * Whether the client sent more than what has been decoded. Such bytes after an SSLRequest that
   * was granted came unencrypted and must end the connection (CVE-2021-23214).
   */
  public boolean hasUndecodedBytes() {
    return actualReadableBytes() > 0;
  }

  @Override
  protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
    switch (state) {
      case DECODING -> {
        try {
          decodePacket(in, out);
        } catch (ProtocolViolation e) {
          end(in, new Malformed(e.error()), out);
        }
      }
      case STARTED -> {}
      case ENDED -> in.skipBytes(in.readableBytes());
    }
  }

  private void end(ByteBuf in, StartupPacket last, List<Object> out) {
    state = State.ENDED;
    in.skipBytes(in.readableBytes());
    out.add(last);
  }

  private void decodePacket(ByteBuf in, List<Object> out) throws ProtocolViolation {
    if (in.readableBytes() < Integer.BYTES) {
      return;
    }
    // As Postgres does, judge the length without its own four bytes.
    long length = in.getInt(in.readerIndex()) - (long) Integer.BYTES;
    if (length < Integer.BYTES || length > MAX_LENGTH) {
      // Postgres closes without a word; who has come to the wrong port should hear why.
      throw ProtocolViolation.of("invalid length of startup packet");
    }
    if (in.readableBytes() < Integer.BYTES + length) {
      return;
    }
    in.skipBytes(Integer.BYTES);
    var packet = parse(in.readSlice((int) length));
    state =
        switch (packet) {
          case SslRequest _, GssEncRequest _ -> State.DECODING;
          case StartupMessage _ -> State.STARTED;
          case CancelRequest _, Unreadable _, TooOld _, Malformed _ -> State.ENDED;
        };
    out.add(packet);
  }

  private static StartupPacket parse(ByteBuf body) throws ProtocolViolation {
    int code = body.readInt();
    return switch (code) {
      case CANCEL_REQUEST_CODE -> parseCancelRequest(body);
      // What else is in such a packet Postgres does not look at.
      case SSL_REQUEST_CODE -> new SslRequest();
      case GSSENC_REQUEST_CODE -> new GssEncRequest();
      default -> {
        int major = code >>> 16;
        yield major == 1 || major == 2
            ? new TooOld(ProtocolViolation.unsupportedVersion(code).error())
            : parseStartupMessage(code, body);
      }
    };
  }

  private static StartupPacket parseCancelRequest(ByteBuf body) {
    try {
      return new CancelRequest(CancelKey.parse(body));
    } catch (ProtocolViolation e) {
      return new Unreadable(e.error().message());
    }
  }

  private static StartupMessage parseStartupMessage(int version, ByteBuf body)
      throws ProtocolViolation {
    if (version >>> 16 != 3) {
      throw ProtocolViolation.unsupportedVersion(version);
    }
    var reader = new PayloadReader("startup packet", body);
    var parameters = new LinkedHashMap<String, String>();
    while (true) {
      if (reader.remaining() == 0) {
        throw ProtocolViolation.of(
            "invalid startup packet layout: expected terminator as last byte");
      }
      var name = reader.readRawString();
      if (name.isEmpty()) {
        break;
      }
      parameters.put(name, reader.readRawString());
    }
    if (reader.remaining() > 0) {
      throw ProtocolViolation.of("invalid startup packet layout: expected terminator as last byte");
    }
    if (parameters.getOrDefault("user", "").isEmpty()) {
      throw new ProtocolViolation(
          ErrorMessage.fatal(
              SqlState.INVALID_AUTHORIZATION_SPECIFICATION,
              "no PostgreSQL user name specified in startup packet"));
    }
    return new StartupMessage(version, parameters);
  }
}
