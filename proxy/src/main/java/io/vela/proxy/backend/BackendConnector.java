package io.vela.proxy.backend;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import io.vela.agent.Endpoint;
import io.vela.proxy.net.Transport;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Opens connections to instances, on the event loop of whoever wants one. Safe for use from any
 * thread.
 *
 * <p>A Unix socket whose backlog is full refuses a connect that may not block ({@code EAGAIN},
 * connect(2)), though its instance goes on accepting. Whoever meets that waits in a queue of that
 * socket, and so does everybody who comes while somebody waits. Only the first in the queue tries
 * again, every few milliseconds; once it is connected the next one does, at once. With io_uring the
 * kernel waits for room, in no certain order: there everybody joins the queue.
 */
public final class BackendConnector {
  /** Postgres takes one or two from its backlog in that time, since it forks for each. */
  private static final long PAUSE_MILLIS = 5;

  private static final ChannelInitializer<Channel> NOTHING_YET =
      new ChannelInitializer<>() {
        @Override
        protected void initChannel(Channel opening) {}
      };

  private final Transport transport;
  private final Duration timeout;

  /** Of each socket for which somebody waits: who waits, in order of arrival. */
  private final ConcurrentMap<Endpoint, Deque<Waiting>> queues = new ConcurrentHashMap<>();

  /** One who wants a connection. */
  private record Waiting(
      EventLoop eventLoop, Endpoint endpoint, ChannelHandler handler, Promise<Channel> opened) {}

  /**
   * @param timeout of one attempt; the wait for room in the backlog is not bounded by it
   */
  public BackendConnector(Transport transport, Duration timeout) {
    this.transport = transport;
    this.timeout = timeout;
  }

  /**
   * Connects. Never blocks; the future completes on {@code eventLoop}. It waits for as long as the
   * backlog is full: the caller bounds that, and gives up by cancelling it.
   *
   * @param eventLoop of this connector's transport
   * @param handler the channel's only handler, added when the channel is open
   */
  public Future<Channel> connect(EventLoop eventLoop, Endpoint endpoint, ChannelHandler handler) {
    var one = new Waiting(eventLoop, endpoint, handler, eventLoop.newPromise());
    if (transport == Transport.IO_URING) {
      if (queue(one)) {
        next(endpoint);
      }
    } else if (!joined(one)) {
      attempt(
          one,
          () -> {
            // Else somebody's attempts go on already, and end when nobody waits any more.
            if (queue(one)) {
              pause(one);
            }
          },
          () -> {});
    }
    return one.opened();
  }

  private boolean joined(Waiting one) {
    return queues.computeIfPresent(
            one.endpoint(),
            (_, queue) -> {
              queue.addLast(one);
              return queue;
            })
        != null;
  }

  /** Whether it is the first of its queue. */
  private boolean queue(Waiting one) {
    var first = new AtomicBoolean();
    var _ =
        queues.compute(
            one.endpoint(),
            (_, present) -> {
              first.set(present == null);
              var queue = present == null ? new ArrayDeque<Waiting>() : present;
              queue.addLast(one);
              return queue;
            });
    return first.get();
  }

  private void pause(Waiting first) {
    var _ =
        first
            .eventLoop()
            .schedule(() -> next(first.endpoint()), PAUSE_MILLIS, TimeUnit.MILLISECONDS);
  }

  private void next(Endpoint endpoint) {
    firstOf(endpoint)
        .ifPresent(
            one ->
                one.eventLoop()
                    .execute(() -> attempt(one, () -> pause(one), () -> next(endpoint))));
  }

  /** Who waits the longest and still wants a connection; a queue without one is removed. */
  private Optional<Waiting> firstOf(Endpoint endpoint) {
    var first = new AtomicReference<Optional<Waiting>>(Optional.empty());
    // Others may join meanwhile, so the queue is touched only in here.
    var _ =
        queues.computeIfPresent(
            endpoint,
            (_, present) -> {
              present.removeIf(one -> one.opened().isDone());
              first.set(Optional.ofNullable(present.peekFirst()));
              return present.isEmpty() ? null : present;
            });
    return first.get();
  }

  /**
   * Tries once.
   *
   * @param full what follows when the backlog is full
   * @param settled what follows when there is a connection, or cannot be one
   */
  private void attempt(Waiting one, Runnable full, Runnable settled) {
    if (one.opened().isDone()) {
      settled.run();
      return;
    }
    var connecting =
        new Bootstrap()
            .group(one.eventLoop())
            .channel(transport.domainChannel())
            .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, Math.toIntExact(timeout.toMillis()))
            .handler(NOTHING_YET)
            .connect(transport.address(one.endpoint()));
    var _ =
        connecting.addListener(
            done -> {
              if (done.isSuccess()) {
                opened(one, connecting.channel());
                settled.run();
              } else if (FullBacklog.isCauseOf(done.cause(), transport, one.endpoint())) {
                full.run();
              } else {
                one.opened().tryFailure(done.cause());
                settled.run();
              }
            });
  }

  private static void opened(Waiting one, Channel channel) {
    channel.pipeline().addLast(one.handler());
    if (!one.opened().trySuccess(channel)) {
      // Nobody wants it any more.
      var _ = channel.close();
    }
  }
}
