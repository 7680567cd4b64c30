package io.vela.proxy.session;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.util.concurrent.ScheduledFuture;
import io.vela.agent.Role;
import io.vela.config.value.BranchName;
import io.vela.proxy.auth.AuthStep;
import io.vela.proxy.relay.RelayEnd;
import io.vela.proxy.session.SessionState.Authenticating;
import io.vela.proxy.session.SessionState.AwaitingStartup;
import io.vela.proxy.session.SessionState.Closed;
import io.vela.proxy.session.SessionState.Connecting;
import io.vela.proxy.session.SessionState.Locating;
import io.vela.proxy.session.SessionState.Open;
import io.vela.proxy.session.SessionState.Relaying;
import io.vela.proxy.session.SessionState.Waking;
import io.vela.proxy.wire.ErrorFields;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.ProtocolViolation;
import io.vela.proxy.wire.SqlState;
import io.vela.proxy.wire.StartupPacket;
import io.vela.proxy.wire.TypedMessage;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.SessionRouter.SessionLabel;
import io.vela.router.Target;
import io.vela.router.branch.BranchLease;
import io.vela.router.route.BranchAddressParser;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Drives one client connection through its {@link SessionState states}. Every method but {@link
 * #phase}, {@link #hasBackend}, {@link #terminate} and {@link #cut} is an event that arrives on the
 * connection's event loop; what the router answers is brought there first, and is dropped when the
 * session has moved on meanwhile.
 */
final class SessionMachine implements BackendEvents {
  /** How often an instance may turn out to be gone before the client is told. */
  private static final int MAX_ATTEMPTS = 3;

  /** For the router to learn that an instance is gone, before it is asked for it again. */
  private static final Duration STALE_PAUSE = Duration.ofMillis(500);

  /** Between a backend's connection breaking and the agent's word on why. */
  private static final Duration EXIT_PATIENCE = Duration.ofSeconds(1);

  private final SessionServices services;
  private final Optional<BranchName> defaultBranch;
  private final ClientAddress address;
  private final ClientLink client;
  private final SessionLog log;

  private volatile SessionState state = SessionState.initial();
  private @Nullable ScheduledFuture<?> authenticationTimer;

  SessionMachine(SessionServices services, Optional<BranchName> defaultBranch, Channel channel) {
    this.services = services;
    this.defaultBranch = defaultBranch;
    this.address = ClientAddress.of(channel.remoteAddress());
    this.client =
        new ClientLink(channel, new ClientHandler(this), services.limits().startupHold().bytes());
    this.log = new SessionLog(services.sessions().nextId(), address.toString());
  }

  /** A client has connected. */
  void opened() {
    services.sessions().add(this);
    authenticationTimer =
        client
            .channel()
            .eventLoop()
            .schedule(
                this::authenticationTimedOut,
                services.limits().authenticationTimeout().toMillis(),
                TimeUnit.MILLISECONDS);
    client.open();
  }

  /** For metrics; on any thread. */
  Phase phase() {
    return state instanceof Relaying relaying
        ? (relaying.relay().idle() ? Phase.IDLE : Phase.ACTIVE)
        : Phase.STARTING;
  }

  /** For metrics; on any thread. */
  boolean hasBackend() {
    return state instanceof Relaying || state instanceof Connecting;
  }

  // --- the client ---

  void startupPacket(StartupPacket packet) {
    if (!(state instanceof AwaitingStartup awaiting)) {
      // Refused, while more of what it sent was being decoded.
      return;
    }
    try {
      switch (packet) {
        case StartupPacket.SslRequest _ -> {
          state = awaiting.refuseTls();
          client.refuseEncryption();
        }
        case StartupPacket.GssEncRequest _ -> {
          state = awaiting.refuseGss();
          client.refuseEncryption();
        }
        case StartupPacket.CancelRequest cancel -> {
          end(awaiting, Ending.CANCEL_REQUEST);
          services.cancelForwarder().forward(cancel.key(), client.channel());
        }
        case StartupPacket.StartupMessage startup -> locate(awaiting, startup);
        case io.vela.proxy.wire.Malformed malformed -> clientMalformed(malformed.error());
      }
    } catch (ProtocolViolation e) {
      clientMalformed(e.error());
    }
  }

  void clientMessage(TypedMessage message) {
    if (!(state instanceof Authenticating authenticating)) {
      return;
    }
    if (message.type() != io.vela.proxy.wire.FrontendType.PASSWORD) {
      clientMalformed(
          ErrorMessage.fatal(
              SqlState.PROTOCOL_VIOLATION,
              "expected password response, got message type %d".formatted(message.type())));
      return;
    }
    try {
      take(authenticating, authenticating.method().answer(message.content()));
    } catch (ProtocolViolation e) {
      clientMalformed(e.error());
    }
  }

  /** The client sent bytes before it was its turn; takes over their reference. */
  void clientAhead(ByteBuf bytes) {
    if (state instanceof Closed) {
      bytes.release();
    } else {
      client.hold(bytes);
    }
  }

  void clientMalformed(ErrorMessage error) {
    refuse(error, Ending.MALFORMED);
  }

  void clientClosed() {
    if (state instanceof Open open) {
      end(open, Ending.GAVE_UP);
    }
  }

  private void authenticationTimedOut() {
    switch (state) {
      case AwaitingStartup _, Authenticating _ -> {
        // Postgres says nothing either: the client has not asked for anything yet.
        end((Open) state, Ending.TIMED_OUT);
        client.close();
      }
      case Locating _ -> refuse(Refusal.notLocatedInTime(), Ending.REFUSED);
      case Waking _, Connecting _, Relaying _, Closed _ -> {}
    }
  }

  // --- which branch, which verifier ---

  private void locate(AwaitingStartup awaiting, StartupPacket.StartupMessage startup) {
    client.startupComplete();
    try {
      var address =
          BranchAddressParser.parse(startup.parameters(), defaultBranch, Optional.empty());
      var locating = awaiting.locate(new SessionRequest(startup, address));
      state = locating;
      log.asked(locating.request());
      if (locating.request().isBearer() && !this.address.isLoopback()) {
        refuse(Refusal.bearerNotAllowed(), Ending.REFUSED);
        return;
      }
      onEventLoop(
          Located.by(services.router(), locating.request()),
          (found, error) -> located(locating, found, error));
    } catch (RouteException e) {
      refuse(Refusal.of(e.failure()), Ending.REFUSED);
    }
  }

  private void located(Locating locating, @Nullable Located found, @Nullable Throwable error) {
    if (!state.equals(locating)) {
      return;
    }
    var request = locating.request();
    Optional<Role> role = found == null ? Optional.empty() : found.role();
    var method = services.authenticator().methodFor(request.user(), request.address(), role);
    if (found != null) {
      authenticate(locating.authenticate(found.target(), role, method));
    } else if (Located.isBadToken(unwrap(error)) && !request.isBearer()) {
      authenticate(locating.authenticateInVain(method));
    } else {
      refuse(error);
    }
  }

  // --- who it is ---

  private void authenticate(Authenticating authenticating) {
    state = authenticating;
    var first = authenticating.method().begin();
    take(authenticating, first);
    if (state.equals(authenticating)) {
      client.readPasswords();
    }
  }

  private void take(Authenticating authenticating, AuthStep step) {
    client.ask(step);
    switch (step) {
      case AuthStep.AskSasl _, AuthStep.ContinueSasl _, AuthStep.AskMd5 _ -> {}
      case AuthStep.Matched _ -> proven(authenticating);
      case AuthStep.Mismatch _ -> mismatch(authenticating);
    }
  }

  private void mismatch(Authenticating authenticating) {
    services.metrics().authenticationFailed(authenticating.method().label());
    authenticating.target().ifPresent(services.router()::passwordDidNotMatch);
    refuse(Refusal.wrongPassword(authenticating.request().user()), Ending.REFUSED);
  }

  private void proven(Authenticating authenticating) {
    var target = authenticating.target();
    if (target.isEmpty()) {
      mismatch(authenticating);
      return;
    }
    var role = authenticating.role();
    if (role.isPresent() && !role.get().canLogin()) {
      refuse(Refusal.mayNotLogIn(role.get().name()), Ending.REFUSED);
      return;
    }
    cancelTimer();
    client.passwordsComplete();
    log.began(target.get().branch());
    var lease = lease(target.get(), authenticating.request());
    var waking = authenticating.wake(target.get(), lease);
    state = waking;
    awaitLease(waking);
  }

  // --- waking and connecting ---

  private CompletableFuture<BranchLease> lease(Target target, SessionRequest request) {
    return services
        .router()
        .lease(target, new SessionLabel(log.id(), request.describe(address.toString())));
  }

  private void awaitLease(Waking waking) {
    onEventLoop(waking.lease(), (lease, error) -> leased(waking, lease, error));
  }

  private void leased(Waking waking, @Nullable BranchLease lease, @Nullable Throwable error) {
    if (!state.equals(waking)) {
      if (lease != null) {
        lease.close();
      }
      return;
    }
    if (lease == null) {
      refuse(error);
      return;
    }
    var backend = new BackendLink(services.connector(), client.channel().eventLoop(), lease, this);
    state = waking.connect(backend);
    onEventLoop(lease.revoked(), (reason, _) -> revoked(backend, reason));
  }

  @Override
  public void backendConnected(BackendLink backend) {
    if (state instanceof Connecting connecting && connecting.backend() == backend) {
      backend.sendStartup(connecting.request().forBackend());
    } else {
      backend.close();
    }
  }

  @Override
  public void backendUnreachable(BackendLink backend, Throwable cause) {
    if (state instanceof Connecting connecting && connecting.backend() == backend) {
      stale(connecting, String.valueOf(cause.getMessage()));
    }
  }

  @Override
  public void backendClosed(BackendLink backend) {
    if (!(state instanceof Connecting connecting) || connecting.backend() != backend) {
      return;
    }
    if (!backend.spoke()) {
      stale(connecting, "the connection was closed");
    } else {
      onEventLoop(
          backend.exitWithin(EXIT_PATIENCE),
          (exit, _) -> {
            if (state.equals(connecting)) {
              var ended = exit == null ? Optional.<io.vela.agent.InstanceExit>empty() : exit;
              refuse(
                  ended.map(Refusal::instanceEnded).orElseGet(Refusal::backendLost),
                  Ending.BACKEND_LOST);
            }
          });
    }
  }

  /** The lease led to an instance that has gone: asks for another, a few times. */
  private void stale(Connecting connecting, String cause) {
    var branch = connecting.target().branch();
    log.stale(branch, connecting.attempt(), cause);
    if (connecting.attempt() >= MAX_ATTEMPTS) {
      refuse(Refusal.unreachable(branch.value(), cause), Ending.REFUSED);
      return;
    }
    var pausing = connecting.wakeAgain(new CompletableFuture<>());
    state = pausing;
    onEventLoop(
        connecting.backend().exitWithin(STALE_PAUSE),
        (_, _) -> {
          if (state.equals(pausing)) {
            var waking = pausing.resume(lease(pausing.target(), pausing.request()));
            state = waking;
            awaitLease(waking);
          }
        });
  }

  @Override
  public void backendMessage(BackendLink backend, TypedMessage message) {
    if (!(state instanceof Connecting connecting) || connecting.backend() != backend) {
      return;
    }
    try {
      switch (BackendStartup.next(backend, message, services.cancelKeys(), client)) {
        case BackendStartup.Next.GO_ON -> {}
        case BackendStartup.Next.RETRY -> {
          if (connecting.attempt() < MAX_ATTEMPTS) {
            stale(connecting, "Postgres is not accepting connections");
            backend.close();
          } else {
            refusedByPostgres(connecting, message);
          }
        }
        case BackendStartup.Next.REFUSED -> refusedByPostgres(connecting, message);
        case BackendStartup.Next.NOT_TRUSTED ->
            refuse(Refusal.instanceAsksForPassword(), Ending.REFUSED);
        case BackendStartup.Next.READY ->
            relay(connecting, message.content().getByte(message.content().readerIndex()));
      }
    } catch (ProtocolViolation e) {
      failed(e);
    }
  }

  private void refusedByPostgres(Connecting connecting, TypedMessage error)
      throws ProtocolViolation {
    log.refusedByPostgres(ErrorFields.parse(error.content().duplicate()));
    client.pass(error);
    end(connecting, Ending.ENDED_BY_POSTGRES);
    client.closeWhenSent();
  }

  private void relay(Connecting connecting, byte transactionStatus) {
    client.flush();
    var relay =
        new SessionRelay(
            client, connecting.backend(), transactionStatus, services.metrics(), this::relayEnded);
    state = connecting.relay(relay);
    relay.begin();
  }

  @Override
  public void backendReadComplete(BackendLink backend) {
    client.flush();
  }

  @Override
  public void backendMalformed(BackendLink backend, ErrorMessage error) {
    failed(new IllegalStateException("the instance sent what no Postgres sends: " + error));
  }

  // --- the end ---

  private void relayEnded(RelayEnd relayEnd) {
    if (state instanceof Relaying relaying) {
      end(
          relaying,
          switch (relayEnd) {
            case CLIENT_TERMINATED, CLIENT_LEFT -> Ending.SERVED;
            case BACKEND_CLOSED -> Ending.ENDED_BY_POSTGRES;
            case BACKEND_VANISHED -> Ending.BACKEND_LOST;
            case TERMINATED -> Ending.REVOKED;
          });
    }
  }

  private void revoked(BackendLink backend, @Nullable RouteFailure reason) {
    var error = Refusal.revoked(reason == null ? new RouteFailure.ShuttingDown() : reason);
    switch (state) {
      case Relaying relaying when relaying.backend() == backend -> tell(relaying, error);
      case Connecting connecting when connecting.backend() == backend ->
          refuse(error, Ending.REVOKED);
      case AwaitingStartup _, Locating _, Authenticating _, Waking _, Connecting _, Relaying _ -> {}
      case Closed _ -> {}
    }
  }

  /** Tells the client that Vela stops, and ends the session. On any thread. */
  void terminate() {
    client
        .channel()
        .eventLoop()
        .execute(
            () -> {
              var error = Refusal.revoked(new RouteFailure.ShuttingDown());
              if (state instanceof Relaying relaying) {
                tell(relaying, error);
              } else {
                refuse(error, Ending.REVOKED);
              }
            });
  }

  /** Closes both sides, whatever they are at. On any thread. */
  void cut() {
    client
        .channel()
        .eventLoop()
        .execute(
            () -> {
              if (state instanceof Relaying relaying) {
                relaying.backend().close();
              }
              client.close();
            });
  }

  private void tell(Relaying relaying, ErrorMessage error) {
    services.metrics().refused(error.state());
    relaying.relay().terminate(error);
  }

  private void refuse(@Nullable Throwable error) {
    if (unwrap(error) instanceof RouteException route) {
      refuse(Refusal.of(route.failure()), Ending.REFUSED);
    } else {
      failed(error == null ? new IllegalStateException("the router answered nothing") : error);
    }
  }

  private void refuse(ErrorMessage error, Ending ending) {
    if (state instanceof Open open) {
      services.metrics().refused(error.state());
      log.refused(error);
      end(open, ending);
      client.sendAndClose(error);
    }
  }

  /** A fault in handling the connection: the client's connection broke, or Vela is wrong. */
  @Override
  public void failed(Throwable cause) {
    if (cause instanceof IOException) {
      client.close();
    } else {
      log.failed(cause);
      refuse(Refusal.internal(), Ending.REFUSED);
    }
  }

  private void end(Open open, Ending ending) {
    state = open.close(ending);
    cancelTimer();
    client.discardHeld();
    switch (open) {
      case Waking waking -> waking.lease().cancel(false);
      case Connecting connecting -> connecting.backend().close();
      case AwaitingStartup _, Locating _, Authenticating _, Relaying _ -> {}
    }
    services.sessions().remove(this);
    services.metrics().ended(ending);
    log.ended(ending);
  }

  private void cancelTimer() {
    if (authenticationTimer != null) {
      authenticationTimer.cancel(false);
    }
  }

  private <T> void onEventLoop(
      CompletionStage<T> stage,
      java.util.function.BiConsumer<? super @Nullable T, ? super @Nullable Throwable> event) {
    var _ = stage.whenCompleteAsync(event, client.channel().eventLoop());
  }

  private static @Nullable Throwable unwrap(@Nullable Throwable error) {
    return error instanceof CompletionException && error.getCause() != null
        ? error.getCause()
        : error;
  }
}
