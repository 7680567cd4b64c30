package io.vela.proxy.session;

import io.netty.channel.Channel;
import io.vela.config.ParkPolicy;
import io.vela.config.value.BranchName;
import io.vela.proxy.auth.ConnectionSecurity;
import io.vela.proxy.relay.RelayEnd;
import io.vela.proxy.session.SessionState.Authenticating;
import io.vela.proxy.session.SessionState.AwaitingStartup;
import io.vela.proxy.session.SessionState.Closed;
import io.vela.proxy.session.SessionState.Connecting;
import io.vela.proxy.session.SessionState.Locating;
import io.vela.proxy.session.SessionState.Open;
import io.vela.proxy.session.SessionState.Parked;
import io.vela.proxy.session.SessionState.Parking;
import io.vela.proxy.session.SessionState.Relaying;
import io.vela.proxy.session.SessionState.Restoring;
import io.vela.proxy.session.SessionState.Securing;
import io.vela.proxy.session.SessionState.Waking;
import io.vela.proxy.wire.BackendMessages;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.Negotiation;
import io.vela.proxy.wire.Pings;
import io.vela.router.BranchSession.Veto;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Target;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One client connection: the {@link SessionState state} it is in, and every way it ends. {@link
 * Admission} and then {@link Attachment} move it on. On the connection's event loop, but for {@link
 * #phase}, {@link #hasBackend}, {@link #terminate} and {@link #cut}.
 */
final class Session {
  private final SessionServices services;
  private ClientAddress address;
  private final ClientLink client;
  private final SessionLog log;
  private final SessionTimer timer;
  private ConnectionSecurity security;
  private Optional<Negotiation> negotiation = Optional.empty();
  private volatile Optional<Attended> attended = Optional.empty();

  private volatile SessionState state = SessionState.initial();

  Session(SessionServices services, Channel channel) {
    this.services = services;
    this.address = ClientAddress.of(channel.remoteAddress());
    this.client = new ClientLink(channel, services.limits().startupHold().bytes());
    this.log = new SessionLog(services.sessions().nextId(), address.toString());
    this.timer = new SessionTimer(channel.eventLoop());
    this.security = ConnectionSecurity.plaintext(address.isLoopback());
  }

  SessionServices services() {
    return services;
  }

  /** Where the client is; changes once, when a load balancer tells. */
  ClientAddress address() {
    return address;
  }

  /** A load balancer has told where the client is. Before TLS begins. */
  void cameFrom(ClientAddress truly) {
    address = truly;
    log.cameFrom(truly.toString());
    security = ConnectionSecurity.plaintext(truly.isLoopback());
  }

  ClientLink client() {
    return client;
  }

  SessionLog log() {
    return log;
  }

  SessionTimer timer() {
    return timer;
  }

  /** What protects the connection; changes once, when TLS begins. */
  ConnectionSecurity security() {
    return security;
  }

  /** TLS has begun. */
  void secured(ConnectionSecurity with) {
    security = with;
  }

  /** What the client was told of the protocol in its Postgres's place. */
  Optional<Negotiation> negotiation() {
    return negotiation;
  }

  /** Tells the client, before it authenticates, what its Postgres will say of the protocol. */
  void negotiated(Optional<Negotiation> answer) {
    negotiation = answer;
    answer.ifPresent(told -> client.write(client.messages().negotiateProtocolVersion(told)));
  }

  /**
   * What there is of a session once its client has proven that it may use a branch.
   *
   * @param policy as it was when the session last got a backend
   */
  private record Attended(
      BranchName branch,
      SessionOnBranch session,
      ClientView view,
      Parker parker,
      ParkPolicy policy) {}

  /**
   * The client has proven that it may use the branch.
   *
   * @param byPassword whether its role's password has let it in
   */
  void attend(SessionRequest request, Target target, Parker parker, boolean byPassword) {
    var onBranch = new SessionOnBranch(this, request, parker);
    attended =
        Optional.of(
            new Attended(
                target.branch(),
                onBranch,
                new ClientView(request.startup().parameters(), byPassword),
                parker,
                ParkPolicy.DEFAULT));
    services.router().began(target.branch(), onBranch);
  }

  /** As its branch knows it. After {@link #attend}. */
  SessionOnBranch attended() {
    return attended.orElseThrow().session();
  }

  /** After {@link #attend}. */
  BranchName branch() {
    return attended.orElseThrow().branch();
  }

  /** After {@link #attend}. */
  ClientView view() {
    return attended.orElseThrow().view();
  }

  /** After {@link #attend}. */
  Parker parker() {
    return attended.orElseThrow().parker();
  }

  /** After {@link #attend}. On any thread. */
  ParkPolicy policy() {
    return attended.orElseThrow().policy();
  }

  /** From now on this holds. */
  void policy(ParkPolicy now) {
    attended =
        attended.map(
            all ->
                new Attended(
                    all.branch(),
                    all.session(),
                    all.view(),
                    all.parker(),
                    services.sessions().share(now)));
    view()
        .trace()
        .pings(now.answerPings() ? services.sessions().share(Pings.of(now.pings())) : Pings.NONE);
  }

  /** On any thread. */
  boolean isRelayingOn(BranchName branch) {
    return state instanceof Relaying
        && attended.filter(all -> all.branch().equals(branch)).isPresent();
  }

  /** What it asked for, if it has a place among the connections of the branch. On any thread. */
  Optional<SessionRequest> placeOn(BranchName branch) {
    if (attended.filter(all -> all.branch().equals(branch)).isEmpty()) {
      return Optional.empty();
    }
    return switch (state) {
      case Relaying relaying -> Optional.of(relaying.request());
      case Parking parking -> Optional.of(parking.request());
      case Restoring restoring -> Optional.of(restoring.request());
      case Connecting connecting when connecting.backend().spoke() ->
          Optional.of(connecting.request());
      default -> Optional.empty();
    };
  }

  /**
   * Since when its client wants nothing, in ms since 1970; less than 0 otherwise. On any thread.
   */
  long quietSince() {
    return state instanceof Relaying relaying ? relaying.relay().quietSince() : -1;
  }

  /** See {@link Parker#parkAlone}. On any thread. */
  CompletionStage<Optional<Veto>> parkAlone(boolean force) {
    return CompletableFuture.supplyAsync(
            () -> parker().parkAlone(force), client.channel().eventLoop())
        .thenCompose(answer -> answer);
  }

  /** Whether it has been idle for as long as its policy says. On any thread. */
  boolean isToPark(long nowMillis) {
    return state instanceof Relaying relaying
        && policy().parkAfter().isPresent()
        && relaying.relay().quietSince() >= 0
        && nowMillis - relaying.relay().quietSince() >= policy().parkAfter().get().toMillis()
        && parker().mayTry(nowMillis);
  }

  /** What the session was trying is given up: it is as it was. */
  void parkAgain(Parked parked) {
    state = parked;
    if (parked.memory().isListening()) {
      services.barrier().await(branch(), parker().client());
    }
    parker().client().begin(parked);
  }

  SessionState state() {
    return state;
  }

  /** Moves on; not for the end, which is {@link #end}. */
  void enter(Open next) {
    state = next;
  }

  /** For metrics; on any thread. */
  Phase phase() {
    return switch (state) {
      case Relaying relaying -> relaying.relay().idle() ? Phase.IDLE : Phase.ACTIVE;
      case Parking _ -> Phase.IDLE;
      case Parked _ -> Phase.PARKED;
      default -> Phase.STARTING;
    };
  }

  /** For metrics; on any thread. */
  boolean hasBackend() {
    return switch (state) {
      case Relaying _, Connecting _, Parking _, Restoring _ -> true;
      default -> false;
    };
  }

  /**
   * Brings an answer to the event loop; whoever gets it asks whether the state is still its own.
   */
  <T> void onEventLoop(
      CompletionStage<T> stage,
      BiConsumer<? super @Nullable T, ? super @Nullable Throwable> event) {
    var _ = stage.whenCompleteAsync(event, client.channel().eventLoop());
  }

  // --- the end ---

  /** The router's answer, when it was not what was asked for. */
  void refuse(@Nullable Throwable error) {
    if (unwrap(error) instanceof RouteException route) {
      Located.badToken(route).ifPresent(log::badToken);
      refuse(Refusal.of(route.failure()), Ending.REFUSED);
    } else {
      failed(error == null ? new IllegalStateException("the router answered nothing") : error);
    }
  }

  /** Does something on the event loop. On any thread. */
  void onEventLoop(Runnable action) {
    client.channel().eventLoop().execute(action);
  }

  /** Tells the client why, and ends the session. */
  void refuse(ErrorMessage error, Ending ending) {
    refuse(error, ending, client.messages().error(error));
  }

  /** The same, for a client that understands errors in an old form only. */
  void refuseTooOld(ErrorMessage error) {
    refuse(error, Ending.MALFORMED, client.messages().errorOfOldProtocol(error));
  }

  private void refuse(ErrorMessage error, Ending ending, BackendMessages told) {
    if (state instanceof Open open) {
      services.metrics().refused(error.state());
      log.refused(error);
      end(open, ending);
      client.sendAndClose(told);
    } else {
      told.buffer().release();
    }
  }

  /** A fault in handling the connection: the client's connection broke, or Vela is wrong. */
  void failed(Throwable cause) {
    // A decoder's exception wraps what broken TLS throws.
    if (cause instanceof IOException || cause.getCause() instanceof IOException) {
      client.close();
    } else {
      log.failed(cause);
      refuse(Refusal.internal(), Ending.REFUSED);
    }
  }

  /** Ends the session; what becomes of the client's connection is the caller's to say. */
  void end(Open open, Ending ending) {
    state = open.close(ending);
    timer.cancel();
    client.discardHeld();
    switch (open) {
      case Waking waking -> waking.lease().cancel(false);
      case Connecting connecting -> connecting.backend().close();
      case Parking parking -> parking.backend().close();
      case Restoring restoring -> restoring.backend().close();
      case AwaitingStartup _, Securing _, Locating _, Authenticating _ -> {}
      case Relaying _, Parked _ -> {}
    }
    attended.ifPresent(
        all -> {
          all.view().close();
          services.barrier().passed(all.branch(), all.parker().client());
          services.router().ended(all.branch(), all.session());
        });
    services.sessions().remove(this);
    services.metrics().ended(ending);
    log.ended(ending);
  }

  void relayEnded(RelayEnd relayEnd) {
    if (state instanceof Relaying relaying) {
      services.backendQueue().freed(branch(), relaying.request());
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

  /** The lease that the backend stands on is taken away. */
  void revoked(BackendLink backend, @Nullable RouteFailure reason) {
    var error = Refusal.revoked(reason == null ? new RouteFailure.ShuttingDown() : reason);
    switch (state) {
      case Relaying relaying when relaying.backend() == backend -> tell(relaying, error);
      case Connecting connecting when connecting.backend() == backend ->
          refuse(error, Ending.REVOKED);
      case Parking parking when parking.backend() == backend -> refuse(error, Ending.REVOKED);
      case Restoring restoring when restoring.backend() == backend -> refuse(error, Ending.REVOKED);
      case Open _, Closed _ -> {}
    }
  }

  /** Tells the client why, and ends the session, whatever it is at. On any thread. */
  void end(RouteFailure reason) {
    var error = Refusal.revoked(reason);
    stop(error, relaying -> tell(relaying, error));
  }

  /**
   * Tells the client that Vela stops, and ends the session, once no transaction is open. On any
   * thread.
   */
  void drain() {
    var error = Refusal.revoked(new RouteFailure.ShuttingDown());
    stop(
        error,
        relaying ->
            relaying
                .relay()
                .terminateWhenIdle(error, () -> services.metrics().refused(error.state())));
  }

  /** Tells the client that Vela stops, and ends the session. On any thread. */
  void terminate() {
    var error = Refusal.revoked(new RouteFailure.ShuttingDown());
    stop(error, relaying -> tell(relaying, error));
  }

  private void stop(ErrorMessage error, Consumer<Relaying> relayed) {
    client
        .channel()
        .eventLoop()
        .execute(
            () -> {
              if (state instanceof Relaying relaying) {
                relayed.accept(relaying);
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

  static @Nullable Throwable unwrap(@Nullable Throwable error) {
    return error instanceof CompletionException && error.getCause() != null
        ? error.getCause()
        : error;
  }
}
