package io.vela.proxy.backend;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.util.ReferenceCountUtil;

/**
 * First in the pipeline of a kept backend that a session has been given: takes the session's
 * startup message and answers it with what the backend said to its own. Nothing is read until then.
 */
final class GreetingReplay extends ChannelOutboundHandlerAdapter {
  private final Greeting greeting;

  GreetingReplay(Greeting greeting) {
    this.greeting = greeting;
  }

  @Override
  public void write(ChannelHandlerContext context, Object startup, ChannelPromise written) {
    ReferenceCountUtil.release(startup);
    written.trySuccess();
    // Not before the session has finished saying it.
    context.executor().execute(() -> answer(context));
  }

  private void answer(ChannelHandlerContext context) {
    if (context.isRemoved()) {
      return;
    }
    context.fireChannelRead(greeting.bytes(context.alloc()));
    context.fireChannelReadComplete();
    context.channel().config().setAutoRead(true);
    context.pipeline().remove(this);
  }
}
