package io.vela.proxy.session;

import io.netty.buffer.ByteBuf;
import io.vela.agent.Role;
import io.vela.config.value.BranchName;
import io.vela.proxy.auth.AuthStep;
import io.vela.proxy.session.SessionState.Authenticating;
import io.vela.proxy.session.SessionState.AwaitingStartup;
import io.vela.proxy.session.SessionState.Closed;
import io.vela.proxy.session.SessionState.Connecting;
import io.vela.proxy.session.SessionState.Locating;
import io.vela.proxy.session.SessionState.Open;
import io.vela.proxy.session.SessionState.Relaying;
import io.vela.proxy.session.SessionState.Waking;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.FrontendType;
import io.vela.proxy.wire.Malformed;
import io.vela.proxy.wire.Negotiation;
import io.vela.proxy.wire.ProtocolViolation;
import io.vela.proxy.wire.StartupPacket;
import io.vela.proxy.wire.TypedMessage;
import io.vela.router.RouteException;
import io.vela.router.route.BranchAddressParser;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Hears a client out: which branch it means and who it is. Wakes nothing before that is proven;
 * then {@link Attachment} takes over. The router's answers are brought to the event loop first, and
 * are dropped when the session has moved on meanwhile.
 */
final class Admission {
  /** Whose protocol a client is told whose token leads nowhere: that of most branches. */
  private static final int USUAL_MAJOR = 18;

  private final Session session;
  private final SessionServices services;
  private final Optional<BranchName> defaultBranch;
  private final ClientLink client;
  private final Attachment attachment;

  /**
   * @param defaultBranch the listener's, for clients that name none
   */
  Admission(Session session, Optional<BranchName> defaultBranch) {
    this.session = session;
    this.services = session.services();
    this.defaultBranch = defaultBranch;
    this.client = session.client();
    this.attachment = new Attachment(session);
  }

  /** A client has connected. */
  void begin() {
    services.sessions().add(session);
    session.timer().start(services.limits().authenticationTimeout(), this::timedOut);
    client.open(new ClientHandler(this));
  }

  private void timedOut() {
    switch (session.state()) {
      case AwaitingStartup awaiting -> leave(awaiting, Ending.TIMED_OUT);
      case Authenticating authenticating -> leave(authenticating, Ending.TIMED_OUT);
      case Locating _ -> session.refuse(Refusal.notLocatedInTime(), Ending.REFUSED);
      case Waking _, Connecting _, Relaying _, Closed _ -> {}
    }
  }

  /** Ends without a word, as Postgres does: the client has not asked for anything yet. */
  private void leave(Open open, Ending ending) {
    session.end(open, ending);
    client.close();
  }

  // --- what the client does ---

  void startupPacket(StartupPacket packet) {
    if (!(session.state() instanceof AwaitingStartup awaiting)) {
      // Refused, while more of what it sent was being decoded.
      return;
    }
    try {
      switch (packet) {
        case StartupPacket.SslRequest _ -> {
          session.enter(awaiting.refuseTls());
          client.refuseEncryption();
        }
        case StartupPacket.GssEncRequest _ -> {
          session.enter(awaiting.refuseGss());
          client.refuseEncryption();
        }
        case StartupPacket.CancelRequest cancel -> {
          session.end(awaiting, Ending.CANCEL_REQUEST);
          services
              .cancelForwarder()
              .forward(cancel.key(), client.channel(), session.address().ip());
        }
        case StartupPacket.StartupMessage startup -> locate(awaiting, startup);
        case StartupPacket.Unreadable _ -> leave(awaiting, Ending.MALFORMED);
        case StartupPacket.TooOld old -> session.refuseTooOld(old.error());
        case Malformed malformed -> malformed(malformed.error());
      }
    } catch (ProtocolViolation e) {
      malformed(e.error());
    }
  }

  void message(TypedMessage message) {
    if (!(session.state() instanceof Authenticating authenticating)) {
      return;
    }
    try {
      if (message.type() != FrontendType.PASSWORD) {
        throw authenticating.method().unexpected(message.type());
      }
      take(authenticating, authenticating.method().answer(message.content()));
    } catch (ProtocolViolation e) {
      malformed(e.error());
    }
  }

  /** The client sent bytes before it was its turn; takes over their reference. */
  void ahead(ByteBuf bytes) {
    if (session.state() instanceof Closed) {
      bytes.release();
    } else {
      client.hold(bytes);
    }
  }

  void malformed(ErrorMessage error) {
    session.refuse(error, Ending.MALFORMED);
  }

  /**
   * The client sends no more. As far as its socket tells it may have left; whoever has sent a
   * request ahead is taken to wait for the answer, as Postgres would take it.
   */
  void inputEnded() {
    switch (session.state()) {
      case AwaitingStartup awaiting -> leave(awaiting, Ending.GAVE_UP);
      case Authenticating authenticating -> leave(authenticating, Ending.GAVE_UP);
      case Locating locating -> {
        if (!locating.request().isBearer() || !client.isHolding()) {
          leave(locating, Ending.GAVE_UP);
        }
      }
      case Waking waking -> leaveUnlessHolding(waking);
      case Connecting connecting -> leaveUnlessHolding(connecting);
      case Relaying _, Closed _ -> {}
    }
  }

  private void leaveUnlessHolding(Open open) {
    if (!client.isHolding()) {
      leave(open, Ending.GAVE_UP);
    }
  }

  void closed() {
    if (session.state() instanceof Open open) {
      session.end(open, Ending.GAVE_UP);
    }
  }

  void failed(Throwable cause) {
    session.failed(cause);
  }

  // --- which branch, which verifier ---

  private void locate(AwaitingStartup awaiting, StartupPacket.StartupMessage startup) {
    client.startupComplete();
    try {
      var address =
          BranchAddressParser.parse(startup.parameters(), defaultBranch, Optional.empty());
      var locating = awaiting.locate(new SessionRequest(startup, address));
      session.enter(locating);
      session.log().asked(locating.request());
      if (locating.request().isBearer() && !session.address().isLoopback()) {
        session.refuse(Refusal.bearerNotAllowed(), Ending.REFUSED);
        return;
      }
      session.onEventLoop(
          Located.by(services.router(), locating.request()),
          (found, error) -> located(locating, found, error));
    } catch (RouteException e) {
      session.refuse(Refusal.of(e.failure()), Ending.REFUSED);
    }
  }

  private void located(Locating locating, @Nullable Located found, @Nullable Throwable error) {
    if (!session.state().equals(locating)) {
      return;
    }
    var request = locating.request();
    Optional<Role> role = found == null ? Optional.empty() : found.role();
    var method = services.authenticator().methodFor(request.user(), request.address(), role);
    if (found != null) {
      session.negotiated(found.negotiation());
      authenticate(locating.authenticate(found.target(), role, method));
    } else if (Located.isBadToken(Session.unwrap(error)) && !request.isBearer()) {
      session.negotiated(Negotiation.by(USUAL_MAJOR, request.startup()));
      authenticate(locating.authenticateInVain(method));
    } else {
      session.refuse(error);
    }
  }

  // --- who it is ---

  private void authenticate(Authenticating authenticating) {
    session.enter(authenticating);
    var first = authenticating.method().begin();
    take(authenticating, first);
    if (session.state().equals(authenticating)) {
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
    session.refuse(Refusal.wrongPassword(authenticating.request().user()), Ending.REFUSED);
  }

  private void proven(Authenticating authenticating) {
    var target = authenticating.target();
    if (target.isEmpty()) {
      mismatch(authenticating);
      return;
    }
    var role = authenticating.role();
    if (role.isPresent() && !role.get().canLogin()) {
      session.refuse(Refusal.mayNotLogIn(role.get().name()), Ending.REFUSED);
      return;
    }
    session.timer().cancel();
    client.passwordsComplete();
    session.log().began(target.get().branch());
    attachment.begin(authenticating, target.get());
  }
}
