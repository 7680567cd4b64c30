package io.vela.proxy.session;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import io.vela.proxy.wire.Malformed;
import io.vela.proxy.wire.TypedMessage;
import java.io.IOException;

/** Translates a backend channel's callbacks into the session's events, until the relay begins. */
final class BackendHandler extends ChannelInboundHandlerAdapter {
  private final BackendLink backend;
  private final BackendEvents events;

  BackendHandler(BackendLink backend, BackendEvents events) {
    this.backend = backend;
    this.events = events;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    switch (message) {
      case TypedMessage typed -> {
        try {
          events.backendMessage(backend, typed);
        } finally {
          typed.release();
        }
      }
      case Malformed malformed -> events.backendMalformed(backend, malformed.error());
      default -> ReferenceCountUtil.release(message);
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    events.backendReadComplete(backend);
    context.fireChannelReadComplete();
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    events.backendClosed(backend);
    context.fireChannelInactive();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    if (cause instanceof IOException) {
      var _ = context.close();
    } else {
      events.failed(cause);
    }
  }
}
