package io.vela.proxy.session;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandler;
import io.vela.agent.Role;
import io.vela.config.ProxyProtocolConfig;
import io.vela.proxy.auth.AuthRequest;
import io.vela.proxy.auth.AuthStep;
import io.vela.proxy.net.Entrance;
import io.vela.proxy.net.ProxyHeader;
import io.vela.proxy.session.SessionState.Authenticating;
import io.vela.proxy.session.SessionState.AwaitingStartup;
import io.vela.proxy.session.SessionState.Closed;
import io.vela.proxy.session.SessionState.Connecting;
import io.vela.proxy.session.SessionState.Locating;
import io.vela.proxy.session.SessionState.Open;
import io.vela.proxy.session.SessionState.Securing;
import io.vela.proxy.session.SessionState.Waking;
import io.vela.proxy.tls.DirectTls;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.FrontendType;
import io.vela.proxy.wire.Malformed;
import io.vela.proxy.wire.Negotiation;
import io.vela.proxy.wire.ProtocolViolation;
import io.vela.proxy.wire.StartupPacket;
import io.vela.proxy.wire.TypedMessage;
import io.vela.router.RouteException;
import io.vela.router.route.BranchAddressParser;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
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
  private final Entrance.Settings settings;
  private final Attendance attendance;
  private final Encryption encryption;
  private final ClientLink client;
  private final GuessDelay guesses;
  private final Attachment attachment;

  /**
   * @param entrance the listener's
   */
  Admission(Session session, Entrance entrance) {
    this.session = session;
    this.guesses = new GuessDelay(session);
    this.services = session.services();
    this.client = session.client();
    this.settings = entrance.current();
    this.encryption = new Encryption(session, settings);
    this.attendance =
        new Attendance(services.sessions().counts(), client.channel(), entrance, services.limits());
    this.attachment = new Attachment(session);
  }

  /** A client has connected. */
  void begin() {
    services.sessions().add(session);
    session.timer().start(services.limits().authenticationTimeout(), this::timedOut);
    var proxies = settings.config().proxyProtocol();
    var believed = session.address().ip().filter(proxies::believes).isPresent();
    var beforeStartup = new ArrayList<ChannelHandler>();
    if (believed) {
      beforeStartup.add(new ProxyHeader(proxies.mode() == ProxyProtocolConfig.Mode.REQUIRED));
    }
    settings.tls().map(DirectTls::new).ifPresent(beforeStartup::add);
    client.open(beforeStartup, new ClientHandler(this));
    if (proxies.mode() == ProxyProtocolConfig.Mode.REQUIRED && !believed) {
      closeAtOnce("not from an address of proxy-protocol-from", Ending.REFUSED);
    } else if (!attendance.enter()) {
      closeAtOnce("too many connections", Ending.REFUSED);
    } else if (!believed) {
      attendance.from(session.address());
    }
  }

  /** How the connection is secured. */
  Encryption encryption() {
    return encryption;
  }

  private void closeAtOnce(String reason, Ending ending) {
    if (session.state() instanceof Open open) {
      session.log().closedAtOnce(reason);
      session.end(open, ending);
      client.close();
    }
  }

  // --- the load balancer in front ---

  void cameFrom(InetSocketAddress source) {
    session.cameFrom(ClientAddress.of(source));
    attendance.from(session.address());
  }

  void proxyHeaderRefused(String reason) {
    closeAtOnce(reason, Ending.MALFORMED);
  }

  private void timedOut() {
    switch (session.state()) {
      case AwaitingStartup awaiting -> leave(awaiting, Ending.TIMED_OUT);
      case Securing securing -> leave(securing, Ending.TIMED_OUT);
      case Authenticating authenticating -> leave(authenticating, Ending.TIMED_OUT);
      case Locating _ -> session.refuse(Refusal.notLocatedInTime(), Ending.REFUSED);
      case Open _, Closed _ -> {}
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
        case StartupPacket.SslRequest _ -> encryption.asked(awaiting);
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
      case Securing securing -> leave(securing, Ending.GAVE_UP);
      case Authenticating authenticating -> leave(authenticating, Ending.GAVE_UP);
      case Locating locating -> {
        if (!locating.request().isBearer() || !client.isHolding()) {
          leave(locating, Ending.GAVE_UP);
        }
      }
      case Waking waking -> leaveUnlessHolding(waking);
      case Connecting connecting -> leaveUnlessHolding(connecting);
      case Open _, Closed _ -> {}
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
    var refusal = encryption.demand().or(attendance::refusal);
    if (refusal.isPresent()) {
      session.refuse(refusal.get(), Ending.REFUSED);
      return;
    }
    try {
      var address =
          BranchAddressParser.parse(
              startup.parameters(),
              settings.config().defaultBranch(),
              encryption.branchServerName());
      var locating = awaiting.locate(new SessionRequest(startup, address));
      session.enter(locating);
      session.log().asked(locating.request());
      if (!locating.request().isBearer()) {
        ask(locating);
      } else if (session.security().loopback() || session.security().encrypted()) {
        guesses.begin(locating.request(), locating, () -> ask(locating));
      } else {
        session.refuse(Refusal.bearerNotAllowed(), Ending.REFUSED);
      }
    } catch (RouteException e) {
      session.refuse(Refusal.of(e.failure()), Ending.REFUSED);
    }
  }

  private void ask(Locating locating) {
    session.onEventLoop(
        Located.by(services.router(), locating.request()),
        (found, error) -> located(locating, found, error));
  }

  private void located(Locating locating, @Nullable Located found, @Nullable Throwable error) {
    var pause = locating.request().isBearer() ? guessed(found, error) : Duration.ZERO;
    guesses.after(pause, locating, () -> answered(locating, found, error));
  }

  /** Counts a token that came in full, though its client may have left. */
  private Duration guessed(@Nullable Located found, @Nullable Throwable error) {
    if (found == null && Located.badToken(Session.unwrap(error)).isPresent()) {
      return guesses.wrong();
    }
    if (found == null) {
      guesses.neither();
    } else {
      guesses.right();
    }
    return Duration.ZERO;
  }

  private void answered(Locating locating, @Nullable Located found, @Nullable Throwable error) {
    if (!session.state().equals(locating)) {
      return;
    }
    var request = locating.request();
    Optional<Role> role = found == null ? Optional.empty() : found.role();
    var asked =
        new AuthRequest(
            request.user(), request.address(), session.security(), settings.config().auth());
    var method = services.authenticator().methodFor(asked, role);
    var bad = Located.badToken(Session.unwrap(error));
    // A token presented as user is refused only after its exchange, in vain.
    bad.ifPresent(session.log()::badToken);
    boolean badToken = bad.isPresent();
    if (found != null) {
      session.negotiated(found.negotiation());
      authenticate(locating.authenticate(found.target(), role, method));
    } else if (badToken && !request.isBearer()) {
      session.negotiated(Negotiation.by(USUAL_MAJOR, request.startup()));
      authenticate(locating.authenticateInVain(method));
    } else {
      if (badToken) {
        services.metrics().authenticationFailed(method.label());
      }
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
    switch (step) {
      case AuthStep.AskSasl _, AuthStep.ContinueSasl _, AuthStep.AskMd5 _ -> client.ask(step);
      case AuthStep.Matched _ ->
          answer(
              authenticating,
              true,
              () -> {
                client.ask(step);
                proven(authenticating);
              });
      case AuthStep.Mismatch _ -> answer(authenticating, false, () -> mismatch(authenticating));
      case AuthStep.Refuse refuse -> {
        services.metrics().authenticationFailed(authenticating.method().label());
        session.refuse(refuse.error(), Ending.REFUSED);
      }
    }
  }

  private void answer(Authenticating authenticating, boolean matched, Runnable answer) {
    if (authenticating.method().isGuess()) {
      guesses.answer(authenticating.request(), authenticating, matched, answer);
    } else {
      answer.run();
    }
  }

  private void mismatch(Authenticating authenticating) {
    services.metrics().authenticationFailed(authenticating.method().label());
    session.refuse(Refusal.wrongPassword(authenticating.request().user()), Ending.REFUSED);
  }

  private void proven(Authenticating authenticating) {
    var target = authenticating.target();
    if (target.isEmpty()) {
      mismatch(authenticating);
      return;
    }
    var role = authenticating.role();
    if (role.isEmpty()) {
      // Only where no password was asked: with one it looks like a wrong one.
      session.refuse(Refusal.noSuchRole(authenticating.request().address().role()), Ending.REFUSED);
      return;
    }
    if (!role.get().canLogin()) {
      session.refuse(Refusal.mayNotLogIn(role.get().name()), Ending.REFUSED);
      return;
    }
    var refusal = attendance.join(target.get().branch());
    if (refusal.isPresent()) {
      session.refuse(refusal.get(), Ending.REFUSED);
      return;
    }
    session.timer().cancel();
    client.passwordsComplete();
    // Before that, strangers would fill what is shared.
    var request = services.sessions().share(authenticating.request());
    var branch = services.sessions().share(target.get());
    session.log().asked(request);
    session.log().began(branch.branch(), authenticating.method().proof());
    session.attend(
        request,
        branch,
        new Parker(session, attachment),
        authenticating.method().isGuess() && branch.address().token().isEmpty());
    attachment.begin(authenticating.of(request), branch);
  }
}
