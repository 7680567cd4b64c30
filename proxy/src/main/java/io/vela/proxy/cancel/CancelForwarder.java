package io.vela.proxy.cancel;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import io.vela.proxy.backend.BackendConnector;
import io.vela.proxy.cancel.CancelRegistry.Claim;
import io.vela.proxy.cancel.CancelRegistry.Destination;
import io.vela.proxy.wire.CancelKey;
import io.vela.proxy.wire.FrontendMessages;
import java.net.InetAddress;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;

/**
 * Sends cancel requests on to where they belong. As in Postgres, whoever asks learns nothing but
 * the close, which comes once the instance has handled the request; an unknown key is no error
 * (Postgres documentation, section 54.2.8).
 *
 * <p>A request is sent only while the key's session still has the backend that it meant. What is
 * sent is that backend's own key, which the instance compares again: a process id that another
 * backend has got meanwhile comes with another key.
 */
public final class CancelForwarder {
  /** For the instance to handle a request; it does so at once or is stuck. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final CancelRegistry registry;
  private final BackendConnector connector;
  private final CancelGuesses guesses = new CancelGuesses(InstantSource.system());
  private final Counter forwarded;
  private final Counter unknown;
  private final Counter failed;
  private final Counter throttled;

  public CancelForwarder(
      CancelRegistry registry, BackendConnector connector, MeterRegistry meters) {
    this.registry = registry;
    this.connector = connector;
    this.forwarded = counter(meters, "forwarded");
    this.unknown = counter(meters, "unknown");
    this.failed = counter(meters, "failed");
    this.throttled = counter(meters, "throttled");
  }

  private static Counter counter(MeterRegistry meters, String outcome) {
    return Counter.builder("vela.cancel.requests")
        .description("Cancel requests by what became of them")
        .tag("outcome", outcome)
        .register(meters);
  }

  /**
   * Serves a request and closes the channel that brought it. On that channel's event loop.
   *
   * @param from whose request it is; empty when it has no IP address
   */
  public void forward(CancelKey key, Channel asking, Optional<InetAddress> from) {
    if (guesses.isBlocked(from)) {
      throttled.increment();
      close(asking);
      return;
    }
    var claim = registry.claim(key);
    if (claim.isEmpty()) {
      if (registry.knows(key.processId())) {
        guesses.wrong(from);
      }
      unknown.increment();
      close(asking);
      return;
    }
    switch (claim.get().destination()) {
      case Destination.Backend backend -> send(claim.get(), backend, asking);
      case Destination.Waiting waiting -> {
        waiting.cancel().run();
        forwarded.increment();
        claim.get().close();
        close(asking);
      }
    }
  }

  private void send(Claim claim, Destination.Backend backend, Channel asking) {
    var connecting = connector.connect(asking.eventLoop(), backend.endpoint(), new UntilClosed());
    var _ =
        connecting.addListener(
            connected -> {
              if (!connected.isSuccess()) {
                failed.increment();
                claim.close();
                close(asking);
                return;
              }
              var instance = connecting.channel();
              var _ =
                  instance
                      .closeFuture()
                      .addListener(
                          _ -> {
                            claim.close();
                            close(asking);
                          });
              if (claim.isGood()) {
                write(backend.key(), instance);
              } else {
                unknown.increment();
                close(instance);
              }
            });
  }

  private void write(CancelKey key, Channel instance) {
    var deadline =
        instance.eventLoop().schedule(() -> close(instance), PATIENCE.toNanos(), NANOSECONDS);
    var _ = instance.closeFuture().addListener(_ -> deadline.cancel(false));
    var _ =
        instance
            .writeAndFlush(new FrontendMessages(instance.alloc()).cancelRequest(key).buffer())
            .addListener(sent -> (sent.isSuccess() ? forwarded : failed).increment());
  }

  private static void close(Channel channel) {
    var _ = channel.close();
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
