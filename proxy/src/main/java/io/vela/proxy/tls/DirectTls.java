package io.vela.proxy.tls;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import java.util.List;

/**
 * Looks at the first byte of a connection, and becomes a {@link TlsHandshake} when the client
 * begins with TLS at once ({@code sslnegotiation=direct}), which it tells by the user event {@link
 * Begun}.
 */
public final class DirectTls extends ByteToMessageDecoder {
  /** A TLS record of a handshake. The first byte of a startup packet's length is always 0. */
  private static final byte HANDSHAKE_RECORD = 0x16;

  private final ServerTls tls;

  /**
   * @param tls what the handshake is done with
   */
  public DirectTls(ServerTls tls) {
    this.tls = tls;
  }

  /** The client has begun with TLS. */
  public record Begun(TlsHandshake handshake) {}

  @Override
  protected void decode(ChannelHandlerContext context, ByteBuf in, List<Object> out) {
    if (in.getByte(in.readerIndex()) == HANDSHAKE_RECORD) {
      var handshake = new TlsHandshake(tls, true);
      context.fireUserEventTriggered(new Begun(handshake));
      context.pipeline().replace(this, null, handshake);
    } else {
      context.pipeline().remove(this);
    }
  }
}
