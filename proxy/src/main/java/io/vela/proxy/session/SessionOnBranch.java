package io.vela.proxy.session;

import io.vela.proxy.session.SessionState.Closed;
import io.vela.proxy.session.SessionState.Connecting;
import io.vela.proxy.session.SessionState.Open;
import io.vela.proxy.session.SessionState.Parked;
import io.vela.proxy.session.SessionState.Parking;
import io.vela.proxy.session.SessionState.Relaying;
import io.vela.proxy.session.SessionState.Restoring;
import io.vela.proxy.session.SessionState.Waking;
import io.vela.router.BranchSession;
import io.vela.router.RouteFailure;
import io.vela.router.SessionRouter.SessionLabel;
import io.vela.router.SteadyClock;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;

/** A session as its branch sees it: brings what the branch asks to the session's event loop. */
final class SessionOnBranch implements BranchSession {
  private final Session session;
  private final SessionRequest request;
  private final Parker parker;
  private final Instant began = SteadyClock.get().instant();

  SessionOnBranch(Session session, SessionRequest request, Parker parker) {
    this.session = session;
    this.request = request;
    this.parker = parker;
  }

  @Override
  public SessionLabel label() {
    return new SessionLabel(session.log().id(), request.describe(session.address().toString()));
  }

  @Override
  public Activity activity() {
    return switch (session.state()) {
      case Relaying relaying -> relaying(relaying.relay().quietSince());
      case Parking parking -> relaying(parking.trial().quietSince());
      case Parked parked -> quiet(State.PARKED, parked.quietSince());
      case Waking waking -> connecting(waking.parked().isPresent());
      case Connecting connecting -> connecting(connecting.parked().isPresent());
      case Restoring _ -> connecting(true);
      case Open _, Closed _ -> connecting(false);
    };
  }

  private Activity relaying(long quietSince) {
    return quietSince < 0
        ? new Activity(
            State.ACTIVE, Instant.ofEpochMilli(-quietSince), Optional.empty(), parker.veto())
        : quiet(State.IDLE, quietSince);
  }

  private Activity quiet(State state, long quietSince) {
    var since = Instant.ofEpochMilli(quietSince);
    return new Activity(state, since, Optional.of(since), parker.veto());
  }

  private Activity connecting(boolean again) {
    return new Activity(
        again ? State.RESUMING : State.STARTING, began, Optional.empty(), Optional.empty());
  }

  @Override
  public CompletionStage<Optional<Veto>> prepareToPark() {
    return asked(parker::prepare);
  }

  @Override
  public CompletionStage<Optional<Veto>> confirmParking() {
    return asked(parker::confirm);
  }

  private CompletionStage<Optional<Veto>> asked(
      Supplier<CompletionStage<Optional<Veto>>> question) {
    return CompletableFuture.supplyAsync(question, session.client().channel().eventLoop())
        .thenCompose(answer -> answer);
  }

  @Override
  public void park() {
    session.onEventLoop(parker::park);
  }

  @Override
  public void resume() {
    session.onEventLoop(parker::resume);
  }

  @Override
  public void end(RouteFailure reason) {
    session.end(reason);
  }

  @Override
  public String toString() {
    return label().toString();
  }
}
