package io.vela.proxy.session;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import io.vela.proxy.wire.Malformed;
import io.vela.proxy.wire.StartupPacket;
import io.vela.proxy.wire.TypedMessage;

/** Translates a client channel's callbacks into the session's events, until the relay begins. */
final class ClientHandler extends ChannelInboundHandlerAdapter {
  private final SessionMachine session;

  ClientHandler(SessionMachine session) {
    this.session = session;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    switch (message) {
      case Malformed malformed -> session.clientMalformed(malformed.error());
      case StartupPacket packet -> session.startupPacket(packet);
      case TypedMessage typed -> {
        try {
          session.clientMessage(typed);
        } finally {
          typed.release();
        }
      }
      case ByteBuf bytes -> session.clientAhead(bytes);
      default -> ReferenceCountUtil.release(message);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    session.clientClosed();
    context.fireChannelInactive();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    session.failed(cause);
  }
}
