package io.vela.proxy.session;

import io.vela.proxy.auth.GuessThrottle;
import io.vela.proxy.auth.GuessThrottle.Attempt;
import io.vela.proxy.auth.GuessThrottle.Permit;
import io.vela.proxy.auth.GuessThrottle.Verdict;
import io.vela.proxy.session.SessionState.Open;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Lets a session's guess take effect when {@link GuessThrottle} says, and holds the answer to a
 * wrong one back. On its event loop.
 */
final class GuessDelay {
  /**
   * Before a client is told that too many wait: or it would be back at once, and so would others.
   */
  private static final Duration REFUSAL = Duration.ofSeconds(1);

  private final Session session;
  private final GuessThrottle throttle;
  private final SessionMetrics metrics;
  private Optional<Permit> turn = Optional.empty();

  GuessDelay(Session session) {
    this.session = session;
    this.throttle = session.services().authenticator().throttle();
    this.metrics = session.services().metrics();
  }

  /** Answers a guess that was right or wrong. */
  void answer(SessionRequest request, Open state, boolean matched, Runnable answer) {
    begin(
        request,
        state,
        () -> {
          if (matched) {
            right();
            answer.run();
          } else {
            after(wrong(), state, answer);
          }
        });
  }

  /**
   * Does what shows whether a guess is right, once it has its turn. Then {@link #right}, {@link
   * #wrong} or {@link #neither} must be called, even if the client has left.
   */
  void begin(SessionRequest request, Open state, Runnable work) {
    var verdict =
        throttle.admit(Attempt.of(session.address().ip(), request.user(), request.account()));
    if (verdict.isDone()) {
      decided(verdict.join(), state, work);
      return;
    }
    metrics.throttled("waited");
    var _ = session.client().channel().closeFuture().addListener(_ -> verdict.cancel(false));
    session.onEventLoop(verdict, (found, _) -> decided(found, state, work));
  }

  private void decided(@Nullable Verdict verdict, Open state, Runnable work) {
    switch (verdict) {
      case Verdict.MayTry may -> {
        turn = Optional.of(may.turn());
        if (session.state().equals(state)) {
          work.run();
        } else {
          neither();
        }
      }
      case Verdict.Refused _ -> {
        metrics.throttled("refused");
        after(REFUSAL, state, () -> session.refuse(Refusal.tooManyGuesses(), Ending.REFUSED));
      }
      case null -> {}
    }
  }

  /** The guess was right. */
  void right() {
    take(Permit::right);
  }

  /**
   * The guess was wrong.
   *
   * @return how long the answer must be held back
   */
  Duration wrong() {
    var given = turn;
    turn = Optional.empty();
    return given.map(Permit::wrong).orElse(Duration.ZERO);
  }

  /** It has not been verified. */
  void neither() {
    take(Permit::giveBack);
  }

  private void take(Consumer<Permit> what) {
    var given = turn;
    turn = Optional.empty();
    given.ifPresent(what);
  }

  /** Does something later, if the session is in the same state then. */
  void after(Duration time, Open state, Runnable event) {
    if (time.isZero()) {
      event.run();
      return;
    }
    metrics.throttled("delayed");
    var _ =
        session
            .client()
            .channel()
            .eventLoop()
            .schedule(
                () -> {
                  if (session.state().equals(state)) {
                    event.run();
                  }
                },
                time.toNanos(),
                TimeUnit.NANOSECONDS);
  }
}
