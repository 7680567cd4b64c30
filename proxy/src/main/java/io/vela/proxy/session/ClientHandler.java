package io.vela.proxy.session;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.ssl.SslCloseCompletionEvent;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.util.ReferenceCountUtil;
import io.vela.proxy.net.ProxyHeader;
import io.vela.proxy.tls.DirectTls;
import io.vela.proxy.tls.TlsHandshake;
import io.vela.proxy.wire.Malformed;
import io.vela.proxy.wire.StartupPacket;
import io.vela.proxy.wire.TypedMessage;

/** Translates a client channel's callbacks into the session's events, until the relay begins. */
final class ClientHandler extends ChannelInboundHandlerAdapter {
  private final Admission admission;

  ClientHandler(Admission admission) {
    this.admission = admission;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    switch (message) {
      case Malformed malformed -> admission.malformed(malformed.error());
      case StartupPacket packet -> admission.startupPacket(packet);
      case TypedMessage typed -> {
        try {
          admission.message(typed);
        } finally {
          typed.release();
        }
      }
      case ByteBuf bytes -> admission.ahead(bytes);
      default -> ReferenceCountUtil.release(message);
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    switch (event) {
      case ProxyHeader.Source source -> admission.cameFrom(source.address());
      case ProxyHeader.Refused refused -> admission.proxyHeaderRefused(refused.reason());
      case DirectTls.Begun begun -> admission.encryption().begun(begun.handshake());
      case TlsHandshake.Refused refused -> admission.encryption().refused(refused.reason());
      case SslHandshakeCompletionEvent completion -> admission.encryption().handshaken(completion);
      // A client that has said goodbye to TLS sends no more, though its socket be open.
      case SslCloseCompletionEvent closed when closed.isSuccess() -> admission.inputEnded();
      case ChannelInputShutdownEvent _ -> admission.inputEnded();
      default -> {}
    }
    context.fireUserEventTriggered(event);
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    admission.closed();
    context.fireChannelInactive();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    admission.failed(cause);
  }
}
