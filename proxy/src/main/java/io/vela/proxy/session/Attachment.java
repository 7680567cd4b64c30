package io.vela.proxy.session;

import io.vela.agent.InstanceExit;
import io.vela.config.BackendPolicy;
import io.vela.proxy.session.SessionState.Authenticating;
import io.vela.proxy.session.SessionState.Connecting;
import io.vela.proxy.session.SessionState.Open;
import io.vela.proxy.session.SessionState.Parked;
import io.vela.proxy.session.SessionState.Relaying;
import io.vela.proxy.session.SessionState.Waking;
import io.vela.proxy.wire.ErrorFields;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.ProtocolViolation;
import io.vela.proxy.wire.RawMessage;
import io.vela.proxy.wire.TypedMessage;
import io.vela.router.SteadyClock;
import io.vela.router.Target;
import io.vela.router.branch.BranchLease;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Takes a client that has proven who it is to an instance: a lease, a connection, the startup with
 * Postgres, the relay. An instance that turns out to be gone is asked for again, a few times.
 *
 * <p>Waiting for a lease is bounded by the router; each startup with an instance is bounded here,
 * by the same time.
 */
final class Attachment implements BackendEvents {
  /** How often an instance may turn out to be gone before the client is told. */
  private static final int MAX_ATTEMPTS = 3;

  /** For the router to learn that an instance is gone, before it is asked for it again. */
  private static final Duration STALE_PAUSE = Duration.ofMillis(500);

  /** Between a backend's connection breaking and the agent's word on why. */
  private static final Duration EXIT_PATIENCE = Duration.ofSeconds(1);

  private final Session session;
  private final SessionServices services;
  private final ClientLink client;
  private final PlaceWait placeWait;
  private final Restoration restoration;

  Attachment(Session session) {
    this.session = session;
    this.services = session.services();
    this.client = session.client();
    this.placeWait = new PlaceWait(session, this);
    this.restoration = new Restoration(session, this);
  }

  /** Wakes the branch. */
  void begin(Authenticating authenticating, Target target) {
    awaitLease(authenticating.wake(target, lease(target)));
  }

  /** Wakes the branch for a session that was parked. */
  void resume(Parked parked) {
    session.view().leadTo(() -> session.onEventLoop(session.parker().client()::cancel));
    if (session.view().isByPassword()) {
      awaitPassword(parked.wake(new CompletableFuture<>()));
    } else {
      awaitLease(parked.wake(lease(parked.target())));
    }
  }

  /**
   * A new backend is as a new login: a password that has run out gets none. That the role may log
   * in and the database be connected to is for the backend to say, but it is told no password.
   *
   * @param looking its lease is completed by nobody
   */
  private void awaitPassword(Waking looking) {
    session.enter(looking);
    session.onEventLoop(
        services.router().role(looking.target()),
        (role, error) -> {
          if (!session.state().equals(looking)) {
            return;
          }
          if (role == null) {
            session.refuse(error);
          } else if (role.filter(known -> !services.authenticator().passwordHolds(known))
              .isPresent()) {
            session.refuse(Refusal.wrongPassword(looking.request().user()), Ending.REFUSED);
          } else {
            tryAgain(looking);
          }
        });
  }

  private CompletableFuture<BranchLease> lease(Target target) {
    return services.router().lease(target, session.attended());
  }

  private void awaitLease(Waking waking) {
    session.enter(waking);
    session.onEventLoop(waking.lease(), (lease, error) -> leased(waking, lease, error));
  }

  private void leased(Waking waking, @Nullable BranchLease lease, @Nullable Throwable error) {
    if (!session.state().equals(waking)) {
      if (lease != null) {
        lease.close();
      }
      return;
    }
    if (lease == null) {
      session.refuse(error);
      return;
    }
    var backend =
        new BackendLink(
            services.backends(),
            client.channel().eventLoop(),
            lease,
            waking.request().forBackend(),
            backends(waking),
            this);
    var greeting =
        new NewGreeting(backend, client, services.cancelKeys(), waking.parked().isPresent());
    var connecting = waking.connect(backend, greeting);
    session.enter(connecting);
    session.timer().start(services.limits().wakeTimeout(), () -> startupTimedOut(connecting));
    session.onEventLoop(lease.revoked(), (reason, _) -> session.revoked(backend, reason));
  }

  /** A session that has been parked brings what it had: it gets a backend that is as new. */
  private BackendPolicy backends(Waking waking) {
    return waking.parked().isPresent()
        ? BackendPolicy.DEFAULT
        : services.router().backends(waking.target());
  }

  /** It accepted the connection, or will, but a session does not come of it. */
  private void startupTimedOut(Connecting connecting) {
    if (session.state().equals(connecting)) {
      var cause =
          "Postgres was not ready for the session within %d ms"
              .formatted(services.limits().wakeTimeout().toMillis());
      session.refuse(
          Refusal.unreachable(connecting.target().branch().value(), cause), Ending.REFUSED);
    }
  }

  /** There is no place for another backend. */
  private void crowded(Connecting connecting, TypedMessage error) throws ProtocolViolation {
    var branch = connecting.target().branch();
    var limit = BackendQueue.Limit.of(ErrorFields.parse(error.content().duplicate()).message());
    if (connecting.request().isReplication()) {
      refusedByPostgres(connecting, error);
    } else if (connecting.attempt() < MAX_ATTEMPTS
        && services.backends().makeRoom(connecting.backend().lease().endpoint())) {
      stale(connecting, "backends that nobody uses took all places");
      connecting.backend().close();
    } else if (services.backendQueue().mayHelp(branch, connecting.request(), limit)) {
      connecting.backend().close();
      placeWait.begin(connecting.wait(new CompletableFuture<>()), limit);
    } else {
      refusedByPostgres(connecting, error);
    }
  }

  /** Asks for the lease again. */
  void tryAgain(Waking waiting) {
    awaitLease(waiting.resume(lease(waiting.target())));
  }

  private Optional<Connecting> connecting(BackendLink backend) {
    return session.state() instanceof Connecting connecting && connecting.backend() == backend
        ? Optional.of(connecting)
        : Optional.empty();
  }

  @Override
  public void backendConnected(BackendLink backend) {
    connecting(backend)
        .ifPresentOrElse(
            connecting -> backend.sendStartup(connecting.request().forBackend()), backend::close);
  }

  @Override
  public void backendUnreachable(BackendLink backend, Throwable cause) {
    connecting(backend)
        .ifPresent(connecting -> stale(connecting, String.valueOf(cause.getMessage())));
  }

  @Override
  public void backendClosed(BackendLink backend) {
    connecting(backend)
        .ifPresent(
            connecting -> {
              if (backend.spoke()) {
                lost(connecting, backend);
              } else {
                stale(connecting, "the connection was closed");
              }
            });
  }

  /** The client has been told things already: no other instance can take over. */
  private void lost(Open open, BackendLink backend) {
    session.onEventLoop(
        backend.exitWithin(EXIT_PATIENCE),
        (exit, _) -> {
          if (session.state().equals(open)) {
            var ended = exit == null ? Optional.<InstanceExit>empty() : exit;
            session.refuse(
                ended.map(Refusal::instanceEnded).orElseGet(Refusal::backendLost),
                Ending.BACKEND_LOST);
          }
        });
  }

  /** The lease led to an instance that has gone: asks for another, a few times. */
  private void stale(Connecting connecting, String cause) {
    var branch = connecting.target().branch();
    session.log().stale(branch, connecting.attempt(), cause);
    if (connecting.attempt() >= MAX_ATTEMPTS) {
      session.refuse(Refusal.unreachable(branch.value(), cause), Ending.REFUSED);
      return;
    }
    session.timer().cancel();
    var pausing = connecting.wakeAgain(new CompletableFuture<>());
    session.enter(pausing);
    session.onEventLoop(
        connecting.backend().exitWithin(STALE_PAUSE),
        (_, _) -> {
          if (session.state().equals(pausing)) {
            awaitLease(pausing.resume(lease(pausing.target())));
          }
        });
  }

  @Override
  public void backendMessage(BackendLink backend, TypedMessage message) {
    var current = connecting(backend);
    if (current.isEmpty()) {
      return;
    }
    var connecting = current.get();
    try {
      switch (BackendStartup.next(backend, message, session.negotiation(), connecting.greeting())) {
        case BackendStartup.Next.GO_ON -> {}
        case BackendStartup.Next.RETRY -> {
          if (connecting.attempt() < MAX_ATTEMPTS) {
            stale(connecting, "Postgres is not accepting connections");
            backend.close();
          } else {
            refusedByPostgres(connecting, message);
          }
        }
        case BackendStartup.Next.CROWDED -> crowded(connecting, message);
        case BackendStartup.Next.REFUSED -> refusedByPostgres(connecting, message);
        case BackendStartup.Next.NOT_TRUSTED ->
            session.refuse(Refusal.instanceAsksForPassword(), Ending.REFUSED);
        case BackendStartup.Next.READY ->
            ready(connecting, message.content().getByte(message.content().readerIndex()));
      }
    } catch (ProtocolViolation e) {
      failed(e);
    }
  }

  private void refusedByPostgres(Connecting connecting, TypedMessage error)
      throws ProtocolViolation {
    session.log().refusedByPostgres(ErrorFields.parse(error.content().duplicate()));
    connecting.greeting().tellAuthenticated();
    client.pass(error);
    session.end(connecting, Ending.ENDED_BY_POSTGRES);
    client.closeWhenSent();
  }

  private void ready(Connecting connecting, byte transactionStatus) {
    if (connecting.parked().isPresent()) {
      restoration.begin(connecting, connecting.parked().get());
      return;
    }
    client.flush();
    session
        .view()
        .reported(
            services.sessions().share(Set.copyOf(connecting.greeting().parameters().keySet())));
    afterListeners(
        connecting,
        () -> {
          var relay = newRelay(connecting.backend(), transactionStatus, SteadyClock.get().millis());
          relayed(connecting.relay(relay));
          relay.begin();
        });
  }

  /** Goes on once all who listen on the branch do so again: nothing of the client's runs before. */
  void afterListeners(Open state, Runnable next) {
    var listening = services.barrier().raise(session.branch());
    if (listening.toCompletableFuture().isDone()) {
      next.run();
      return;
    }
    session.onEventLoop(
        listening,
        (_, _) -> {
          if (session.state().equals(state)) {
            next.run();
          }
        });
  }

  void relayed(Relaying relaying) {
    session.timer().cancel();
    placeWait.over();
    session.policy(services.router().parking(relaying.target()));
    session.enter(relaying);
  }

  /**
   * @param quietSince as in {@link SessionRelay}
   */
  SessionRelay newRelay(BackendLink backend, byte transactionStatus, long quietSince) {
    var relay =
        new SessionRelay(
            client,
            backend,
            transactionStatus,
            session.view(),
            quietSince,
            services.backends(),
            services.metrics(),
            session::relayEnded);
    if (services.parkAlways()) {
      relay.onRest(() -> session.parker().parkAlone(true));
    }
    return relay;
  }

  /** The backend of an idle session has gone while it was being asked. */
  void backendGone(Open open, BackendLink backend, Optional<RawMessage> farewell) {
    if (farewell.isPresent()) {
      client.writeWhole(farewell.get());
      session.end(open, Ending.ENDED_BY_POSTGRES);
      client.closeWhenSent();
    } else {
      lost(open, backend);
    }
  }

  @Override
  public void backendReadComplete(BackendLink backend) {
    client.flush();
  }

  @Override
  public void backendMalformed(BackendLink backend, ErrorMessage error) {
    failed(new IllegalStateException("the instance sent what no Postgres sends: " + error));
  }

  @Override
  public void failed(Throwable cause) {
    session.failed(cause);
  }
}
