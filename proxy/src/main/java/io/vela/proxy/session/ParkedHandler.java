package io.vela.proxy.session;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.ssl.SslCloseCompletionEvent;

/** Translates a client channel's callbacks while no relay takes them and none is new to come. */
final class ParkedHandler extends ChannelInboundHandlerAdapter {
  private final ParkedClient client;

  ParkedHandler(ParkedClient client) {
    this.client = client;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    client.read((ByteBuf) message);
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    client.readComplete();
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event == ChannelInputShutdownEvent.INSTANCE || event == SslCloseCompletionEvent.SUCCESS) {
      client.inputEnded();
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    client.closed();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    client.failed(cause);
  }
}
