package io.vela.proxy.net;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.codec.haproxy.HAProxyCommand;
import io.netty.handler.codec.haproxy.HAProxyMessage;
import io.netty.handler.codec.haproxy.HAProxyMessageDecoder;
import io.netty.handler.codec.haproxy.HAProxyProtocolException;
import io.netty.handler.codec.haproxy.HAProxyProxiedProtocol;
import io.netty.util.ReferenceCountUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;

/**
 * Reads the PROXY header that a connection from a load balancer begins with (haproxy.org,
 * proxy-protocol.txt, versions 1 and 2), tells what it says as a user event, {@link Source} or
 * {@link Refused}, and is gone from the pipeline before anything else is read. First in the
 * pipeline of a connection whose peer is believed.
 */
public final class ProxyHeader extends ByteToMessageDecoder {
  /** Longest of what follows the addresses in version 2, in bytes; none of it is used here. */
  private static final int MAX_EXTENSIONS = 2048;

  /** The first bytes of the versions. No Postgres packet and no TLS record begins with either. */
  private static final byte FIRST_OF_V1 = 'P';

  private static final byte FIRST_OF_V2 = '\r';

  private final boolean required;

  /**
   * @param required whether a connection may not begin without
   */
  public ProxyHeader(boolean required) {
    this.required = required;
  }

  /** Where the client is; not sent when the load balancer speaks for itself. */
  public record Source(InetSocketAddress address) {}

  /** The connection cannot be used. */
  public record Refused(String reason) {}

  @Override
  protected void decode(ChannelHandlerContext context, ByteBuf in, List<Object> out) {
    byte first = in.getByte(in.readerIndex());
    if (first == FIRST_OF_V1 || first == FIRST_OF_V2) {
      var reader = new Reader();
      context.pipeline().addAfter(context.name(), null, reader);
      context
          .pipeline()
          .addAfter(context.name(), null, new HAProxyMessageDecoder(MAX_EXTENSIONS, true));
      context.pipeline().remove(this);
    } else if (required) {
      in.skipBytes(in.readableBytes());
      context.fireUserEventTriggered(new Refused("no PROXY header"));
    } else {
      context.pipeline().remove(this);
    }
  }

  /** Behind the decoder, whose message comes before whatever follows the header. */
  private static final class Reader extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      if (message instanceof HAProxyMessage header) {
        try {
          read(context, header);
        } finally {
          header.release();
        }
      } else {
        ReferenceCountUtil.release(message);
      }
    }

    private void read(ChannelHandlerContext context, HAProxyMessage header) {
      var protocol = header.proxiedProtocol();
      // LOCAL is the load balancer's own health check; UNKNOWN says nothing of the client.
      if (header.command() == HAProxyCommand.PROXY
          && (protocol == HAProxyProxiedProtocol.TCP4 || protocol == HAProxyProxiedProtocol.TCP6)) {
        context.fireUserEventTriggered(
            new Source(
                new InetSocketAddress(
                    InetAddress.ofLiteral(header.sourceAddress()), header.sourcePort())));
      }
      if (!context.isRemoved()) {
        context.pipeline().remove(this);
      }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      if (cause instanceof HAProxyProtocolException) {
        context.fireUserEventTriggered(new Refused("malformed PROXY header"));
      } else {
        context.fireExceptionCaught(cause);
      }
    }
  }
}
