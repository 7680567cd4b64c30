package io.vela.proxy.cancel;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import io.vela.proxy.backend.BackendConnector;
import io.vela.proxy.cancel.CancelRegistry.Claim;
import io.vela.proxy.cancel.CancelRegistry.Destination;
import io.vela.proxy.wire.CancelKey;
import io.vela.proxy.wire.FrontendMessages;
import java.net.InetAddress;
import java.time.Duration;
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
  /**
   * For the instance to accept and handle a request; it does so at once, or is crowded or stuck.
   */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final CancelRegistry registry;
  private final BackendConnector connector;
  private final CancelGuesses guesses = new CancelGuesses();
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
    if (!guesses.isGuessable(key) || !registry.knows(key.processId())) {
      serve(key, asking);
      return;
    }
    var turn = guesses.enter(from);
    if (turn.isEmpty()) {
      throttled.increment();
      close(asking);
    } else if (turn.get().isDone()) {
      serve(key, asking, turn.get().join());
    } else {
      // Many close without waiting for the answer, so that whether one is there says nothing.
      var _ = turn.get().thenAcceptAsync(own -> serve(key, asking, own), asking.eventLoop());
    }
  }

  private void serve(CancelKey key, Channel asking, CancelGuesses.Permit turn) {
    if (serve(key, asking)) {
      turn.right();
    } else {
      turn.wrong();
    }
  }

  /** Serves a request; returns whether its key means something. */
  private boolean serve(CancelKey key, Channel asking) {
    var claim = registry.claim(key);
    if (claim.isEmpty()) {
      unknown.increment();
      close(asking);
      return false;
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
    return true;
  }

  private void send(Claim claim, Destination.Backend backend, Channel asking) {
    var connecting = connector.connect(asking.eventLoop(), backend.endpoint(), new UntilClosed());
    var deadline =
        asking.eventLoop().schedule(() -> giveUp(connecting), PATIENCE.toNanos(), NANOSECONDS);
    var _ =
        connecting.addListener(
            _ -> {
              if (!connecting.isSuccess()) {
                deadline.cancel(false);
                failed.increment();
                claim.close();
                close(asking);
                return;
              }
              var instance = connecting.getNow();
              var _ =
                  instance
                      .closeFuture()
                      .addListener(
                          _ -> {
                            deadline.cancel(false);
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

  private static void giveUp(Future<Channel> connecting) {
    if (!connecting.cancel(false) && connecting.isSuccess()) {
      close(connecting.getNow());
    }
  }

  private void write(CancelKey key, Channel instance) {
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
