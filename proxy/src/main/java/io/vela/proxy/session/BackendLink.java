package io.vela.proxy.session;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.vela.agent.InstanceExit;
import io.vela.config.BackendPolicy;
import io.vela.proxy.backend.Backends;
import io.vela.proxy.cancel.CancelRegistry;
import io.vela.proxy.wire.CancelKey;
import io.vela.proxy.wire.FrontendMessages;
import io.vela.proxy.wire.MessageDecoder;
import io.vela.proxy.wire.StartupPacket.StartupMessage;
import io.vela.router.branch.BranchLease;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/**
 * A session's connection to an instance and the lease it stands on. The lease is given back, once,
 * when the connection is closed or could not be made; not before, since a backend may be at work
 * for a client that has left. On the session's event loop only.
 */
final class BackendLink {
  /** Bound on one message during startup; the longest real ones are errors, below 64 kB. */
  private static final int MAX_MESSAGE_BYTES = 1 << 20;

  /** For a backend to go that has been told to. */
  private static final long GOODBYE_PATIENCE_MILLIS = 5_000;

  private final BranchLease lease;
  private final Future<Channel> connecting;
  private final MessageDecoder decoder;
  private final BackendHandler handler;
  private final ChannelFutureListener whenClosed = _ -> release();
  private Optional<CancelRegistry.Registration> cancelKey = Optional.empty();
  private Optional<CancelKey> ownKey = Optional.empty();
  private volatile boolean spoke;
  private boolean negotiated;
  private boolean released;

  /**
   * Opens it; tells the session what comes of it.
   *
   * @param startup what the session will say on it
   */
  BackendLink(
      Backends backends,
      EventLoop eventLoop,
      BranchLease lease,
      StartupMessage startup,
      BackendPolicy policy,
      BackendEvents events) {
    this.lease = lease;
    this.decoder = new MessageDecoder(MAX_MESSAGE_BYTES);
    this.handler = new BackendHandler(this, events);
    this.connecting =
        backends.open(
            eventLoop,
            lease.endpoint(),
            startup,
            policy,
            new ChannelInitializer<Channel>() {
              @Override
              protected void initChannel(Channel opened) {
                opened.pipeline().addLast(decoder, handler);
              }
            });
    var _ = connecting.addListener(_ -> eventLoop.execute(() -> connected(events)));
  }

  private void connected(BackendEvents events) {
    if (connecting.isSuccess()) {
      // One that has closed meanwhile says so at once.
      var _ = channel().closeFuture().addListener(whenClosed);
      events.backendConnected(this);
    } else {
      release();
      events.backendUnreachable(this, connecting.cause());
    }
  }

  private void release() {
    if (!released) {
      released = true;
      cancelKey.ifPresent(CancelRegistry.Registration::close);
      lease.close();
    }
  }

  BranchLease lease() {
    return lease;
  }

  /** Once it is connected. */
  Channel channel() {
    return connecting.getNow();
  }

  void sendStartup(StartupMessage startup) {
    var _ =
        channel()
            .writeAndFlush(
                new FrontendMessages(channel().alloc()).startup(startup).buffer(),
                channel().voidPromise());
  }

  /** Whether the instance has sent anything. On any thread. */
  boolean spoke() {
    return spoke;
  }

  void noteSpoke() {
    spoke = true;
  }

  /** Whether the instance has said what the client had been told of the protocol. */
  boolean negotiated() {
    return negotiated;
  }

  void noteNegotiated() {
    negotiated = true;
  }

  /** Makes the key that the client gets instead of the backend's. */
  CancelKey register(CancelKey key, CancelRegistry registry) {
    var registration = registry.register(key, lease.endpoint());
    cancelKey = Optional.of(registration);
    return registration.clientKey();
  }

  /** The key of the backend itself, for {@link #adopt}. */
  void noteKey(CancelKey key) {
    ownKey = Optional.of(key);
  }

  /** From now on the key that a client has had of an earlier backend means this one. */
  void adopt(Optional<CancelRegistry.Registration> clientKey) {
    cancelKey = clientKey;
    ownKey.ifPresent(
        key ->
            clientKey.ifPresent(
                held -> held.lead(new CancelRegistry.Destination.Backend(key, lease.endpoint()))));
  }

  /** The client's key, which outlives this connection. */
  Optional<CancelRegistry.Registration> takeCancelKey() {
    var key = cancelKey;
    cancelKey = Optional.empty();
    return key;
  }

  /**
   * Says goodbye, and waits for the backend to close: then it has left its place in Postgres. One
   * that does not is left alone after a while.
   */
  void finish() {
    var _ =
        channel()
            .writeAndFlush(
                new FrontendMessages(channel().alloc()).terminate().buffer(),
                channel().voidPromise());
    channel().config().setAutoRead(true);
    var late =
        channel().eventLoop().schedule(this::close, GOODBYE_PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
    channel().closeFuture().addListener(_ -> late.cancel(false));
  }

  /** Ends the startup phase: what the instance has sent goes to the handler added last. */
  void startupComplete() {
    channel().pipeline().remove(handler);
    channel().pipeline().remove(decoder);
  }

  /**
   * How the instance ended, if it is known within the time; the agent may learn of it after the
   * connections have broken.
   */
  CompletionStage<Optional<InstanceExit>> exitWithin(Duration time) {
    return lease
        .instanceExit()
        .thenApply(Optional::of)
        .toCompletableFuture()
        .completeOnTimeout(Optional.empty(), time.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** The relay has left the connection: another session may have it, this one has done. */
  void giveBack(Backends backends) {
    var settled =
        cancelKey
            .map(CancelRegistry.Registration::settled)
            .orElseGet(() -> CompletableFuture.completedStage(null));
    release();
    // Or the connection would hold on to every session that it has served.
    var _ = channel().closeFuture().removeListener(whenClosed);
    backends.giveBack(channel(), settled);
  }

  /** Closes the connection, or no longer waits for one. */
  void close() {
    if (!connecting.cancel(false) && connecting.isSuccess()) {
      var _ = channel().close();
    }
  }
}
