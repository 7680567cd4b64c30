package io.vela.proxy.relay;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.socket.DuplexChannel;
import io.vela.proxy.wire.BackendMessages;
import io.vela.proxy.wire.BackendTracker;
import io.vela.proxy.wire.ClientTrace;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.FrontendTracker;
import io.vela.proxy.wire.RequestLedger;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A client and its backend, joined. Both channels live on one event loop, and everything here
 * happens on it.
 *
 * <pre>
 *   client ends its output   -> written bytes go to the backend, then its input ends too
 *   client breaks            -> the backend is closed
 *   backend closes           -> written bytes go to the client; then, if it stands between messages
 *                               and was told nothing: backendEnded(true), and whatever the listener
 *                               says; else the client is closed
 *   client says Terminate    -> to the backend; or, with {@link #keepBackend} and at rest, the client
 *                               is closed and the backend left as it is
 *   terminate(error)         -> the message under way goes to its end, the error follows, both close
 * </pre>
 *
 * Memory: each direction holds at most the high water mark and one read (64 KiB), whatever the
 * length of a message.
 */
public final class RelayPair {
  /**
   * When writing to a channel makes reading from its peer stop and go on, in bytes. The high mark
   * is four of the largest reads, so that a fast stream is written in few, large writes; the low
   * mark is one, so that the channel has something to send until the next read comes.
   */
  static final WriteBufferWaterMark WATER_MARK = new WriteBufferWaterMark(64 * 1024, 256 * 1024);

  /** How long a client may take nothing of what it is still to get after the end. */
  private static final Duration STALL_PATIENCE = Duration.ofSeconds(60);

  /** How long a client that was told everything may keep its own side open. */
  private static final Duration GOODBYE_PATIENCE = Duration.ofSeconds(2);

  private final Channel client;
  private final Channel backend;
  private final RelayListener listener;
  private final RelayMeter meter;
  private final RequestLedger ledger = new RequestLedger();
  private final ClientTrace trace;
  private final FrontendTracker fromClient;
  private final BackendTracker fromBackend;
  private final RelayHandler clientHandler;
  private final RelayHandler backendHandler;
  private final LingeringClose lastClose;

  private Optional<RelayEnd> end = Optional.empty();
  private Optional<ErrorMessage> farewell = Optional.empty();
  private boolean clientEnded;
  private boolean terminating;
  private Optional<Runnable> whenIdle = Optional.empty();
  private Optional<Runnable> keeper = Optional.empty();
  private boolean finishing;
  private boolean clientClosed;
  private boolean backendClosed;
  private boolean closedTold;
  private Optional<Runnable> onRest = Optional.empty();

  /** Whether the conversation rested when it was last looked at; for other threads. */
  private final AtomicBoolean resting = new AtomicBoolean(true);

  /** See {@link #quietSince()}. */
  private final AtomicLong quietSince;

  private long usesWhenQuiet;

  private long meteredToBackend;
  private long meteredToClient;
  private long meteredRequests;

  /**
   * Joins nothing yet.
   *
   * @param client open and authenticated
   * @param backend open and past its first ReadyForQuery, which the client has been sent
   * @param transactionStatus what that ReadyForQuery said
   * @param trace of the client, from earlier relays of the same session
   * @param quietSince since when the client has wanted nothing, in ms since 1970
   */
  public RelayPair(
      Channel client,
      Channel backend,
      byte transactionStatus,
      ClientTrace trace,
      long quietSince,
      RelayListener listener,
      RelayMeter meter) {
    this.client = client;
    this.backend = backend;
    this.listener = listener;
    this.meter = meter;
    lastClose = new LingeringClose(client, STALL_PATIENCE, GOODBYE_PATIENCE);
    this.trace = trace;
    this.quietSince = new AtomicLong(quietSince);
    usesWhenQuiet = trace.uses();
    fromClient = new FrontendTracker(ledger, trace);
    fromBackend = new BackendTracker(ledger, trace, transactionStatus);
    var clientGate = new ReadGate(client);
    var backendGate = new ReadGate(backend);
    clientHandler =
        new RelayHandler(this, Direction.TO_BACKEND, backend, fromClient, clientGate, backendGate);
    backendHandler =
        new RelayHandler(this, Direction.TO_CLIENT, client, fromBackend, backendGate, clientGate);
  }

  /**
   * Begins to relay: becomes the last handler of both pipelines and lets both be read. Decoders of
   * the handshake are to be removed after this, so that what they still hold comes here.
   *
   * @throws IllegalStateException when not called on the one event loop of both channels
   */
  public void start() {
    if (!client.eventLoop().inEventLoop() || !backend.eventLoop().inEventLoop()) {
      throw new IllegalStateException("a relay starts on the one event loop of both its channels");
    }
    client.config().setWriteBufferWaterMark(WATER_MARK);
    client.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, true);
    backend.config().setWriteBufferWaterMark(WATER_MARK);
    // A backend that is being ended says why and closes. If a write fails in that moment, Netty
    // would close the channel with those words unread.
    backend.config().setAutoClose(false);
    client.pipeline().addLast(clientHandler);
    backend.pipeline().addLast(backendHandler);
    ReadGate.readOn(client);
    ReadGate.readOn(backend);
    if (!backend.isActive()) {
      channelClosed(Direction.TO_CLIENT);
    }
    if (!client.isActive()) {
      channelClosed(Direction.TO_BACKEND);
    }
  }

  /**
   * Has the backend outlive a client that says Terminate while nothing is in flight and no
   * transaction open: it does not hear of it.
   *
   * @param leaveTo run when the relay has left the backend's channel, open and without a handler
   */
  public void keepBackend(Runnable leaveTo) {
    keeper = Optional.of(leaveTo);
  }

  /**
   * Ends the session from outside: the message that the backend is in the middle of goes to its
   * end, then the client is told, unless the backend said FATAL itself, and both are closed. The
   * first call counts, and none after the end.
   *
   * @param error told to the client; of severity FATAL
   * @param patience after this both are closed wherever they are
   */
  public void terminate(ErrorMessage error, Duration patience) {
    if (terminating || finishing) {
      return;
    }
    terminating = true;
    farewell = Optional.of(error);
    ended(RelayEnd.TERMINATED);
    var deadline = client.eventLoop().schedule(this::abort, patience.toNanos(), NANOSECONDS);
    client.closeFuture().addListener(closed -> deadline.cancel(false));
    clientHandler.discard();
    if (backendClosed || fromBackend.atBoundary() || fromBackend.broken()) {
      boundaryReached();
    } else {
      backendHandler.stopAtBoundary();
    }
  }

  /**
   * Ends the session from outside as {@link #terminate} does, once nothing is in flight and no
   * transaction is open: at once if that is so now.
   *
   * @param terminated run when it has come to that
   */
  public void terminateWhenIdle(ErrorMessage error, Duration patience, Runnable terminated) {
    if (terminating || finishing) {
      return;
    }
    whenIdle =
        Optional.of(
            () -> {
              terminated.run();
              terminate(error, patience);
            });
    restedMaybe();
  }

  /**
   * Whether the two can be parted, and be joined again or not, without anybody's noticing: nothing
   * is in flight, no transaction is open, both are there and stay.
   */
  public boolean isQuiet() {
    return idle()
        && fromBackend.transactionStatus() == 'I'
        && !fromClient.terminated()
        && !clientEnded
        && !backendClosed
        && !terminating
        && !finishing
        && whenIdle.isEmpty();
  }

  /**
   * Parts the two: both channels are as they were before {@link #start}, what is read from now on
   * goes to whoever comes next in their pipelines, and the listener hears nothing any more.
   *
   * @throws IllegalStateException when not {@link #isQuiet()}
   */
  public void detach() {
    if (!isQuiet()) {
      throw new IllegalStateException("a relay that is at work cannot be taken apart");
    }
    finishing = true;
    client.pipeline().remove(clientHandler);
    backend.pipeline().remove(backendHandler);
    clientHandler.leave();
    backendHandler.leave();
  }

  /** Runs whenever the two have become quiet, after what led to it was passed on. */
  public void onRest(Runnable action) {
    onRest = Optional.of(action);
  }

  /**
   * Since when the client has wanted nothing but to know whether it is connected, in ms since 1970;
   * while something is in flight or a transaction is open, the negative of since when that is so.
   * On any thread.
   */
  public long quietSince() {
    return quietSince.getAcquire();
  }

  private void restedMaybe() {
    if (idle() && fromBackend.transactionStatus() == 'I') {
      var then = whenIdle;
      whenIdle = Optional.empty();
      then.ifPresent(Runnable::run);
    }
  }

  /** Ends the session without a word of its own: what is written goes out, then both are closed. */
  public void close() {
    ended(RelayEnd.TERMINATED);
    finish();
  }

  /** What is in flight. Says nothing of a message half relayed: for that see the trackers. */
  public RequestLedger ledger() {
    return ledger;
  }

  /** The client's side of the conversation. */
  public FrontendTracker fromClient() {
    return fromClient;
  }

  /** The backend's side of the conversation. */
  public BackendTracker fromBackend() {
    return fromBackend;
  }

  /**
   * Whether the conversation rests: nothing in flight, both sides between two messages. A
   * transaction may be open: see {@link BackendTracker#transactionStatus()}.
   */
  public boolean idle() {
    return ledger.idle() && fromClient.atBoundary() && fromBackend.atBoundary();
  }

  /** Whether the conversation rested after the last read. On any thread. */
  public boolean idleSeen() {
    return resting.getAcquire();
  }

  /** Bytes relayed so far. */
  public long bytes(Direction direction) {
    return switch (direction) {
      case TO_BACKEND -> clientHandler.bytes();
      case TO_CLIENT -> backendHandler.bytes();
    };
  }

  /**
   * A buffer that ends with a Terminate has come.
   *
   * @return whether the backend has been left, so that the buffer is not to go to it
   */
  boolean parted(Direction direction, ByteBuf buffer) {
    boolean alone = buffer.readableBytes() == FrontendTracker.TERMINATE_LENGTH;
    if (direction == Direction.TO_CLIENT
        || keeper.isEmpty()
        || !alone
        || terminating
        || finishing
        || backendClosed
        || !idle()
        || fromBackend.transactionStatus() != 'I') {
      return false;
    }
    ended(RelayEnd.CLIENT_TERMINATED);
    backend.pipeline().remove(backendHandler);
    backendClosed = true;
    finishing = true;
    clientHandler.discard();
    lastClose.begin(clientEnded);
    keeper.get().run();
    return true;
  }

  /** A run of reads from one side has been passed on. */
  void readComplete() {
    if (whenIdle.isPresent() && !terminating && !finishing) {
      restedMaybe();
    }
    if (onRest.isPresent() && isQuiet()) {
      onRest.get().run();
    }
  }

  void meter(Direction direction, long bytes) {
    boolean rests = idle();
    resting.setRelease(rests);
    noteQuiet(rests && fromBackend.transactionStatus() == 'I');
    switch (direction) {
      case TO_BACKEND -> {
        long requests = ledger.requests();
        if (bytes > meteredToBackend) {
          meter.relayed(direction, bytes - meteredToBackend, requests - meteredRequests);
        }
        meteredToBackend = bytes;
        meteredRequests = requests;
      }
      case TO_CLIENT -> {
        if (bytes > meteredToClient) {
          meter.relayed(direction, bytes - meteredToClient, 0);
        }
        meteredToClient = bytes;
      }
    }
  }

  private void noteQuiet(boolean quiet) {
    if (!quiet) {
      if (trace.uses() != usesWhenQuiet) {
        if (quietSince.getPlain() >= 0) {
          quietSince.setRelease(-listener.millis());
        }
      }
    } else {
      usesWhenQuiet = trace.uses();
      if (quietSince.getPlain() < 0) {
        quietSince.setRelease(listener.millis());
      }
    }
  }

  void framingBroken(Direction direction) {
    listener.framingBroken(direction);
  }

  /** The backend's last message is relayed whole: the client can be told. */
  void boundaryReached() {
    if (!fromBackend.fatalTold() && fromBackend.atBoundary()) {
      farewell.ifPresent(
          error -> {
            var _ =
                client.write(
                    new BackendMessages(client.alloc()).error(error).buffer(),
                    client.voidPromise());
          });
    }
    finish();
  }

  void inputEnded(Direction direction) {
    if (direction == Direction.TO_CLIENT || clientEnded) {
      return;
    }
    clientEnded();
    if (finishing) {
      lastClose.clientEnded();
    } else if (backend instanceof DuplexChannel duplex) {
      // Ending the output drops what is still queued, so it waits for that.
      backend
          .writeAndFlush(Unpooled.EMPTY_BUFFER)
          .addListener(
              written -> {
                var _ = duplex.shutdownOutput();
              });
    } else {
      var _ = backend.close();
    }
  }

  void channelClosed(Direction direction) {
    switch (direction) {
      case TO_BACKEND -> {
        if (clientClosed) {
          return;
        }
        clientClosed();
      }
      case TO_CLIENT -> {
        if (backendClosed) {
          return;
        }
        backendClosed();
      }
    }
    // Telling the listener that the backend ended can close the client, and so come here within.
    if (clientClosed && backendClosed && !closedTold) {
      closedTold = true;
      listener.closed(end.orElse(RelayEnd.TERMINATED));
    }
  }

  private void clientClosed() {
    clientClosed = true;
    if (!clientEnded) {
      clientEnded();
    }
    if (!backendClosed) {
      backendHandler.discard();
      var _ = backend.close();
    }
  }

  private void clientEnded() {
    clientEnded = true;
    ended(fromClient.terminated() ? RelayEnd.CLIENT_TERMINATED : RelayEnd.CLIENT_LEFT);
    listener.clientEnded();
  }

  private void backendClosed() {
    backendClosed = true;
    boolean goodbye = fromClient.terminated() || clientEnded;
    // On a length that it does not take, a server closes without a word.
    boolean unspeakable = fromClient.broken() || fromClient.tooLong();
    boolean untold =
        !goodbye
            && !unspeakable
            && !terminating
            && !finishing
            && !fromBackend.fatalTold()
            && fromBackend.atBoundary();
    if (fromClient.terminated()) {
      ended(RelayEnd.CLIENT_TERMINATED);
    } else {
      ended(fromBackend.fatalTold() ? RelayEnd.BACKEND_CLOSED : RelayEnd.BACKEND_VANISHED);
    }
    clientHandler.discard();
    listener.backendEnded(untold);
    if (!untold && !clientClosed) {
      finish();
    }
  }

  private void ended(RelayEnd cause) {
    if (end.isEmpty()) {
      end = Optional.of(cause);
    }
  }

  private void finish() {
    if (finishing) {
      return;
    }
    finishing = true;
    clientHandler.discard();
    backendHandler.discard();
    var _ = backend.close();
    lastClose.begin(clientEnded);
  }

  private void abort() {
    var _ = backend.close();
    var _ = client.close();
  }
}
