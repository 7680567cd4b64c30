package io.vela.proxy.session;

import io.netty.buffer.ByteBuf;
import io.vela.proxy.session.SessionState.Closed;
import io.vela.proxy.session.SessionState.Connecting;
import io.vela.proxy.session.SessionState.Open;
import io.vela.proxy.session.SessionState.Parked;
import io.vela.proxy.session.SessionState.Parking;
import io.vela.proxy.session.SessionState.Restoring;
import io.vela.proxy.session.SessionState.Waking;
import io.vela.proxy.wire.PingAnswers;
import io.vela.router.SteadyClock;
import java.time.Duration;
import java.util.Optional;

/**
 * Hears a client whose session has no relay: holds what it sends while the session's state is asked
 * for or given back, and while there is no backend answers its pings, gets it a backend when it
 * wants more, and ends it when it has been idle for too long. On the session's event loop.
 */
final class ParkedClient {
  private final Session session;
  private final ClientLink client;
  private final Attachment attachment;

  ParkedClient(Session session, Attachment attachment) {
    this.session = session;
    this.client = session.client();
    this.attachment = attachment;
  }

  Session session() {
    return session;
  }

  /** The session has just given up its backend, or what it was to get one for. */
  void begin(Parked parked) {
    startIdleTimer(parked);
    hear(parked);
    // It may have left while it was being parked, and is not told of twice.
    if (session.state().equals(parked) && client.hasEndedInput()) {
      leave(parked);
    }
  }

  /** Takes over the reference. */
  void read(ByteBuf bytes) {
    if (session.state() instanceof Closed) {
      bytes.release();
      return;
    }
    client.hold(bytes);
    if (session.state() instanceof Parking parking) {
      parking.trial().disturb();
    }
  }

  void readComplete() {
    if (session.state() instanceof Parked parked) {
      hear(parked);
    }
  }

  private void hear(Parked parked) {
    if (!client.isHolding()) {
      return;
    }
    if (!session.policy().answerPings()) {
      if (client.isLeaving()) {
        leave(parked);
      } else {
        wake(parked);
      }
      return;
    }
    var answers = client.messages();
    var rest = PingAnswers.answer(client.held(), session.view().trace(), answers);
    boolean answered = answers.buffer().isReadable();
    client.write(answers);
    client.flush();
    client.dropAnswered();
    switch (rest) {
      case NOTHING -> {
        if (answered) {
          startIdleTimer(parked);
        }
      }
      case GOODBYE -> leave(parked);
      case SERVER -> wake(parked);
    }
  }

  /** Gets a backend, because the client has sent something or has to hear something. */
  void wake(Parked parked) {
    session.timer().cancel();
    attachment.resume(parked);
  }

  /** The branch wakes, and this session listens. */
  void recall() {
    if (session.state() instanceof Parked parked) {
      wake(parked);
    }
  }

  /**
   * The client of a parked session has asked to cancel what it waits for. Postgres would answer the
   * request so; what follows it is served.
   */
  void cancel() {
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

  /** As Postgres does between two commands (Postgres documentation, section 19.11.1). */
  private void startIdleTimer(Parked parked) {
    long millis = parked.memory().idleSessionTimeoutMillis();
    if (millis > 0) {
      long idle = Math.max(0, SteadyClock.get().millis() - parked.quietSince());
      long left = client.isHolding() ? millis : Math.max(1, millis - idle);
      session
          .timer()
          .start(
              Duration.ofMillis(left),
              () -> session.refuse(Refusal.idleSessionTimeout(), Ending.TIMED_OUT_IDLE));
    }
  }

  void inputEnded() {
    switch (session.state()) {
      case Parking parking -> parking.trial().disturb();
      case Parked parked -> leave(parked);
      case Waking waking -> leaveUnlessHolding(waking);
      case Connecting connecting -> leaveUnlessHolding(connecting);
      case Restoring restoring -> leaveUnlessHolding(restoring);
      case Open _, Closed _ -> {}
    }
  }

  private void leaveUnlessHolding(Open open) {
    if (!client.isHolding()) {
      leave(open);
    }
  }

  private void leave(Open open) {
    session.end(open, Ending.SERVED);
    client.close();
  }

  void closed() {
    if (session.state() instanceof Open open) {
      session.end(open, Ending.SERVED);
    }
  }

  void failed(Throwable cause) {
    session.failed(cause);
  }
}
