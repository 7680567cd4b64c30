package io.vela.proxy.session;

import io.vela.agent.InstanceExit;
import io.vela.config.BackendPolicy;
import io.vela.proxy.park.Restore;
import io.vela.proxy.park.Restored;
import io.vela.proxy.park.StaleErrors;
import io.vela.proxy.session.SessionState.Authenticating;
import io.vela.proxy.session.SessionState.Connecting;
import io.vela.proxy.session.SessionState.Open;
import io.vela.proxy.session.SessionState.Parked;
import io.vela.proxy.session.SessionState.Relaying;
import io.vela.proxy.session.SessionState.Restoring;
import io.vela.proxy.session.SessionState.Waking;
import io.vela.proxy.wire.ErrorFields;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.ProtocolViolation;
import io.vela.proxy.wire.RawMessage;
import io.vela.proxy.wire.TypedMessage;
import io.vela.router.Target;
import io.vela.router.branch.BranchLease;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
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

  /** Since when there has been no place for a backend, in ns; 0 when there was one. */
  private long crowdedSince;

  Attachment(Session session) {
    this.session = session;
    this.services = session.services();
    this.client = session.client();
  }

  /** Wakes the branch. */
  void begin(Authenticating authenticating, Target target) {
    awaitLease(authenticating.wake(target, lease(target)));
  }

  /** Wakes the branch for a session that was parked. */
  void resume(Parked parked) {
    session.view().leadTo(() -> session.onEventLoop(this::cancelWaiting));
    awaitLease(parked.wake(lease(parked.target())));
  }

  private CompletableFuture<BranchLease> lease(Target target) {
    return services.router().lease(target, session.attended());
  }

  /**
   * The client of a parked session has asked to cancel what it waits for. Postgres would answer the
   * request so; what follows it is served.
   */
  private void cancelWaiting() {
    var waiting =
        switch (session.state()) {
          case Waking waking -> waking.parked();
          case Connecting connecting -> connecting.parked();
          case Restoring restoring -> Optional.of(restoring.parked());
          default -> Optional.<Parked>empty();
        };
    if (waiting.isEmpty() || !client.skipRequest()) {
      return;
    }
    switch (session.state()) {
      case Waking waking -> waking.lease().cancel(false);
      case Connecting connecting -> connecting.backend().close();
      case Restoring restoring -> restoring.backend().close();
      default -> {}
    }
    session.timer().cancel();
    client.write(client.messages().error(Refusal.canceled()).readyForQuery((byte) 'I'));
    client.flush();
    session.parkAgain(waiting.get());
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

  /** There is no place for another backend: idle sessions of the branch give up theirs. */
  private void crowded(Connecting connecting, TypedMessage error) throws ProtocolViolation {
    var told = ErrorFields.parse(error.content().duplicate());
    if (connecting.request().isReplication()) {
      refusedByPostgres(connecting, error);
      return;
    }
    if (connecting.attempt() < MAX_ATTEMPTS
        && services.backends().makeRoom(connecting.backend().lease().endpoint())) {
      stale(connecting, "backends that nobody uses took all places");
      connecting.backend().close();
      return;
    }
    connecting.backend().close();
    waitForPlace(connecting.wait(new CompletableFuture<>()), BackendQueue.Limit.of(told.message()));
  }

  private void waitForPlace(Waking waiting, BackendQueue.Limit limit) {
    long now = System.nanoTime();
    if (crowdedSince == 0) {
      crowdedSince = now;
    }
    var branch = waiting.target().branch();
    var left = services.limits().wakeTimeout().minusNanos(now - crowdedSince);
    session.enter(waiting);
    if (left.isNegative()) {
      session.refuse(Refusal.noPlace(branch.value()), Ending.REFUSED);
      return;
    }
    var turn =
        services.backendQueue().join(branch, session, waiting.request(), limit, crowdedSince);
    var _ = waiting.lease().whenComplete((_, _) -> turn.cancel(false));
    session
        .timer()
        .start(
            left,
            () -> {
              if (session.state().equals(waiting)) {
                session.refuse(Refusal.noPlace(branch.value()), Ending.REFUSED);
              }
            });
    session.onEventLoop(
        turn,
        (_, _) -> {
          if (session.state().equals(waiting)) {
            session.timer().cancel();
            awaitLease(waiting.resume(lease(waiting.target())));
          }
        });
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
      restore(connecting, connecting.parked().get());
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
          var relay = newRelay(connecting.backend(), transactionStatus, System.currentTimeMillis());
          relayed(connecting.relay(relay), relay);
          relay.begin();
        });
  }

  /** Goes on once all who listen on the branch do so again: nothing of the client's runs before. */
  private void afterListeners(Open state, Runnable next) {
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

  private void relayed(Relaying relaying, SessionRelay relay) {
    session.timer().cancel();
    crowdedSince = 0;
    session.policy(services.router().parking(relaying.target()));
    session.enter(relaying);
    if (services.parkAlways()) {
      relay.onRest(() -> session.parker().parkAlone(true));
    }
  }

  /**
   * @param quietSince as in {@link SessionRelay}
   */
  SessionRelay newRelay(BackendLink backend, byte transactionStatus, long quietSince) {
    return new SessionRelay(
        client,
        backend,
        transactionStatus,
        session.view(),
        quietSince,
        services.backends(),
        services.metrics(),
        session::relayEnded);
  }

  private void restore(Connecting connecting, Parked parked) {
    var restoring = connecting.restore(parked);
    var backend = connecting.backend();
    long began = System.nanoTime();
    session.enter(restoring);
    backend.startupComplete();
    var memory = parked.memory().withUnnamedStatement(session.view().trace().unnamedParse());
    var _ =
        Restore.begin(
                backend.channel(), memory, services.limits().wakeTimeout(), client::writeWhole)
            .whenComplete((restored, error) -> restored(restoring, restored, error, began));
  }

  private void restored(
      Restoring restoring, @Nullable Restored restored, @Nullable Throwable error, long began) {
    if (!session.state().equals(restoring)) {
      return;
    }
    switch (restored) {
      case Restored.Done done -> {
        services.barrier().passed(session.branch(), session.parker());
        afterListeners(restoring, () -> restored(restoring, done, began));
      }
      case Restored.Failed failed -> {
        services.metrics().notRestored();
        session.refuse(Refusal.notRestored(failed.reason()), Ending.REVOKED);
      }
      case null ->
          session.failed(error == null ? new IllegalStateException("nothing restored") : error);
    }
  }

  private void restored(Restoring restoring, Restored.Done done, long began) {
    var backend = restoring.backend();
    backend.adopt(session.view().takeCancelKey());
    var now = new LinkedHashMap<>(restoring.greeting().parameters());
    now.putAll(done.parameterStatus());
    tellDifferences(restoring.parked().memory().parameterStatus(), now);
    session.view().stale(done.stale());
    if (!done.stale().isEmpty()) {
      backend.channel().pipeline().addLast(new StaleErrors(done.stale()));
    }
    var relay = newRelay(backend, (byte) 'I', restoring.parked().quietSince());
    relayed(restoring.relay(relay), relay);
    services.metrics().restored(System.nanoTime() - began);
    relay.resume();
  }

  /** What Postgres would have reported, had it not been another backend. */
  private void tellDifferences(Map<String, String> told, Map<String, String> now) {
    var messages = client.messages();
    now.forEach(
        (name, value) -> {
          if (!value.equals(told.get(name))) {
            messages.parameterStatusBytes(name, value);
          }
        });
    client.write(messages);
    client.flush();
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
