package io.vela.proxy.cancel;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import io.vela.proxy.backend.BackendConnector;
import io.vela.proxy.cancel.CancelRegistry.Destination;
import io.vela.proxy.wire.CancelKey;
import io.vela.proxy.wire.FrontendMessages;

/**
 * Sends cancel requests on to where they belong. As in Postgres, whoever asks learns nothing but
 * the close, which comes once the instance has handled the request; an unknown key is no error
 * (Postgres documentation, section 54.2.8).
 */
public final class CancelForwarder {
  private final CancelRegistry registry;
  private final BackendConnector connector;
  private final Counter forwarded;
  private final Counter unknown;
  private final Counter failed;

  public CancelForwarder(
      CancelRegistry registry, BackendConnector connector, MeterRegistry meters) {
    this.registry = registry;
    this.connector = connector;
    this.forwarded = counter(meters, "forwarded");
    this.unknown = counter(meters, "unknown");
    this.failed = counter(meters, "failed");
  }

  private static Counter counter(MeterRegistry meters, String outcome) {
    return Counter.builder("vela.cancel.requests")
        .description("Cancel requests by what became of them")
        .tag("outcome", outcome)
        .register(meters);
  }

  /** Serves a request and closes the channel that brought it. On that channel's event loop. */
  public void forward(CancelKey key, Channel asking) {
    var destination = registry.find(key);
    if (destination.isEmpty()) {
      unknown.increment();
      var _ = asking.close();
      return;
    }
    send(destination.get(), asking);
  }

  private void send(Destination destination, Channel asking) {
    var connecting =
        connector.connect(asking.eventLoop(), destination.endpoint(), new UntilClosed());
    var _ =
        connecting.addListener(
            connected -> {
              if (!connected.isSuccess()) {
                failed.increment();
                var _ = asking.close();
                return;
              }
              var instance = connecting.channel();
              var _ =
                  instance
                      .closeFuture()
                      .addListener(
                          _ -> {
                            var _ = asking.close();
                          });
              var _ =
                  instance
                      .writeAndFlush(
                          new FrontendMessages(instance.alloc())
                              .cancelRequest(destination.key())
                              .buffer())
                      .addListener(sent -> (sent.isSuccess() ? forwarded : failed).increment());
            });
  }

  /** Waits for the instance to close; whatever it sends is of no interest. */
  private static final class UntilClosed extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      ReferenceCountUtil.release(message);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      var _ = context.close();
    }
  }
}
