package io.vela.proxy.session;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.ssl.SslCloseCompletionEvent;

/** Translates a client channel's callbacks while no relay takes them and none is new to come. */
final class ParkedHandler extends ChannelInboundHandlerAdapter {
  private final Parker parker;

  ParkedHandler(Parker parker) {
    this.parker = parker;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    parker.read((ByteBuf) message);
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    parker.readComplete();
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event == ChannelInputShutdownEvent.INSTANCE || event == SslCloseCompletionEvent.SUCCESS) {
      parker.inputEnded();
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    parker.closed();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    parker.failed(cause);
  }
}
