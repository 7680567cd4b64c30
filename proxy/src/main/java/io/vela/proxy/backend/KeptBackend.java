package io.vela.proxy.backend;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoop;
import io.netty.util.AttributeKey;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import io.vela.proxy.wire.BackendType;
import io.vela.proxy.wire.FrontendMessages;
import io.vela.proxy.wire.MessageDecoder;
import io.vela.proxy.wire.RawMessage;
import io.vela.proxy.wire.TypedMessage;
import java.time.Duration;
import java.util.Optional;

/**
 * A backend that Vela itself has started and that no session uses, or one that a session was given
 * and may give back. On the event loop only.
 *
 * <pre>
 *   STARTING -> CHECKING -> RESTING -> LENT
 *                  ^                    |
 *                  +---- RESETTING &lt;----+    or closed: from everywhere
 * </pre>
 */
final class KeptBackend {
  private static final AttributeKey<KeptBackend> KEPT = AttributeKey.valueOf("vela.kept-backend");
  private static final int MAX_MESSAGE_BYTES = 1 << 20;

  /** For starting, and for undoing what a session did. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private static final int AUTHENTICATION_OK = 0;

  /**
   * What was decided when the backend was started and is not decided anew by DISCARD ALL: the
   * configuration, the settings of its role and database, whether it may be there at all.
   */
  private static final String STANDING =
      """
      SELECT pg_catalog.concat_ws('/',
        pg_catalog.pg_conf_load_time(),
        r.rolname, r.rolsuper, r.rolcanlogin,
        pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT'),
        (SELECT pg_catalog.string_agg(
                  pg_catalog.concat_ws(':', s.setdatabase, s.setrole, s.setconfig), '/'
                  ORDER BY s.setdatabase, s.setrole)
           FROM pg_catalog.pg_db_role_setting s
          WHERE s.setdatabase IN (0, d.oid) AND s.setrole IN (0, r.oid)))
      FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
      WHERE r.rolname = session_user AND d.datname = pg_catalog.current_database()\
      """;

  private enum State {
    STARTING,
    CHECKING,
    RESTING,
    LENT,
    RESETTING
  }

  /** Told what becomes of it. */
  interface Keeper {
    /** It has been started, or could not be. */
    void started(KeptBackend backend);

    void rests(KeptBackend backend);

    void gone(KeptBackend backend);
  }

  private final BackendKey key;
  private final boolean reusable;
  private final Keeper keeper;
  private final Greeting greeting = new Greeting();
  private final long begun = System.nanoTime();
  private final EventLoop eventLoop;
  private final Future<Channel> connecting;
  private State state = State.STARTING;
  private Optional<RawMessage> standing = Optional.empty();
  private boolean confirmed;
  private Optional<Future<?>> expiry = Optional.empty();
  private MessageDecoder decoder = new MessageDecoder(MAX_MESSAGE_BYTES);
  private Listening listening = new Listening();

  private KeptBackend(
      BackendConnector connector,
      EventLoop eventLoop,
      BackendKey key,
      boolean reusable,
      Keeper keeper) {
    this.key = key;
    this.reusable = reusable;
    this.keeper = keeper;
    this.eventLoop = eventLoop;
    this.connecting =
        connector.connect(
            eventLoop,
            key.endpoint(),
            new ChannelInitializer<Channel>() {
              @Override
              protected void initChannel(Channel opened) {
                opened.pipeline().addLast(decoder, listening);
              }
            });
  }

  /**
   * Connects and starts one.
   *
   * @param reusable whether it may serve more than one session
   */
  static KeptBackend start(
      BackendConnector connector,
      EventLoop eventLoop,
      BackendKey key,
      boolean reusable,
      Keeper keeper) {
    var backend = new KeptBackend(connector, eventLoop, key, reusable, keeper);
    backend.expireIn(PATIENCE);
    var _ = backend.connecting.addListener(_ -> eventLoop.execute(backend::connected));
    return backend;
  }

  private void connected() {
    if (connecting.isSuccess()) {
      channel().attr(KEPT).set(this);
      var _ = channel().closeFuture().addListener(_ -> gone());
      send(new FrontendMessages(channel().alloc()).startup(key.startup()));
    } else {
      gone();
    }
  }

  /** Once it is connected. */
  private Channel channel() {
    return connecting.getNow();
  }

  /** The one that is behind a channel; none when a session started it itself. */
  static Optional<KeptBackend> of(Channel channel) {
    return Optional.ofNullable(channel.attr(KEPT).get());
  }

  BackendKey key() {
    return key;
  }

  boolean isReusable() {
    return reusable;
  }

  /** How long ago it was started. */
  long ageNanos() {
    return System.nanoTime() - begun;
  }

  /** Ends it unless it goes on within the time. */
  void expireIn(Duration time) {
    cancelExpiry();
    expiry = Optional.of(eventLoop.schedule(this::close, time.toNanos(), NANOSECONDS));
  }

  private void cancelExpiry() {
    expiry.ifPresent(alarm -> alarm.cancel(false));
  }

  /** Whether a session can have it: it is there, and not in the middle of saying something. */
  boolean isFit() {
    return channel().isActive() && decoder.isBetweenMessages();
  }

  /** It goes to a session, whose handler will say startup and hear the greeting. */
  Future<Channel> lend(ChannelHandler handler) {
    state = State.LENT;
    cancelExpiry();
    channel().config().setAutoRead(false);
    var pipeline = channel().pipeline();
    pipeline.remove(listening);
    pipeline.remove(decoder);
    pipeline.addLast(new GreetingReplay(greeting), handler);
    return eventLoop.newSucceededFuture(channel());
  }

  /** A session has ended at rest: what it did to the backend is undone. */
  void reset() {
    state = State.RESETTING;
    if (!channel().isActive()) {
      return;
    }
    expireIn(PATIENCE);
    channel().config().setAutoClose(true);
    decoder = new MessageDecoder(MAX_MESSAGE_BYTES);
    listening = new Listening();
    channel().pipeline().addLast(decoder, listening);
    channel().config().setAutoRead(true);
    send(new FrontendMessages(channel().alloc()).query("DISCARD ALL"));
  }

  /** Closes it, or no longer waits for it. */
  void close() {
    if (!connecting.cancel(false) && connecting.isSuccess()) {
      var _ = channel().close();
    }
  }

  private void gone() {
    cancelExpiry();
    if (state == State.STARTING) {
      keeper.started(this);
    }
    keeper.gone(this);
  }

  private void send(FrontendMessages messages) {
    var _ = channel().writeAndFlush(messages.buffer(), channel().voidPromise());
  }

  private void heard(TypedMessage message) {
    switch (message.type()) {
      case BackendType.READY_FOR_QUERY -> ready(message);
      case BackendType.PARAMETER_STATUS -> greeting.parameter(raw(message));
      case BackendType.DATA_ROW -> stands(raw(message));
      case BackendType.AUTHENTICATION -> {
        greeting.add(raw(message));
        var content = message.content();
        if (content.readableBytes() < Integer.BYTES
            || content.getInt(content.readerIndex()) != AUTHENTICATION_OK) {
          close();
        }
      }
      case BackendType.BACKEND_KEY_DATA,
          BackendType.NOTICE_RESPONSE,
          BackendType.NEGOTIATE_PROTOCOL_VERSION -> {
        if (state == State.STARTING) {
          greeting.add(raw(message));
        }
      }
      case BackendType.ROW_DESCRIPTION, BackendType.COMMAND_COMPLETE -> {}
      // Refused, ended, or not a Postgres: the session that comes will hear it for itself.
      default -> close();
    }
  }

  private static RawMessage raw(TypedMessage message) {
    return RawMessage.of(message.type(), message.content());
  }

  private void ready(TypedMessage message) {
    switch (state) {
      case STARTING -> {
        greeting.add(raw(message));
        keeper.started(this);
        check();
      }
      case RESETTING -> check();
      case CHECKING -> {
        if (confirmed) {
          state = State.RESTING;
          keeper.rests(this);
        } else {
          close();
        }
      }
      case RESTING, LENT -> close();
    }
  }

  private void check() {
    if (reusable) {
      state = State.CHECKING;
      confirmed = false;
      send(new FrontendMessages(channel().alloc()).query(STANDING));
    } else {
      state = State.RESTING;
      keeper.rests(this);
    }
  }

  private void stands(RawMessage row) {
    if (state == State.CHECKING && standing.orElse(row).equals(row)) {
      standing = Optional.of(row);
      confirmed = true;
    } else {
      close();
    }
  }

  /** Translates callbacks while no session uses the backend. */
  private final class Listening extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      try {
        if (message instanceof TypedMessage typed) {
          heard(typed);
        } else {
          close();
        }
      } finally {
        ReferenceCountUtil.release(message);
      }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      close();
    }
  }
}
