package io.vela.proxy.session;

import io.vela.proxy.auth.GuessThrottle;
import io.vela.proxy.auth.GuessThrottle.Attempt;
import io.vela.proxy.auth.GuessThrottle.Verdict;
import io.vela.proxy.session.SessionState.Open;
import java.util.concurrent.TimeUnit;

/** Holds a session's answer back for as long as {@link GuessThrottle} says. On its event loop. */
final class GuessDelay {
  private final Session session;
  private final GuessThrottle throttle;
  private final SessionMetrics metrics;

  GuessDelay(Session session) {
    this.session = session;
    this.throttle = session.services().authenticator().throttle();
    this.metrics = session.services().metrics();
  }

  private Attempt attempt(SessionRequest request) {
    return Attempt.of(session.address().ip(), request.user(), request.account());
  }

  /** Answers a guess that was right or wrong. */
  void answer(SessionRequest request, Open state, boolean matched, Runnable answer) {
    var attempt = attempt(request);
    var verdict = throttle.admit(attempt);
    if (!matched && !(verdict instanceof Verdict.Refused)) {
      // At once, for those that guess at the same time.
      throttle.failed(attempt);
    }
    after(
        verdict,
        state,
        () -> {
          if (matched) {
            throttle.succeeded(attempt);
          }
          answer.run();
        });
  }

  /** Begins what shows whether a guess is right and costs something to find out. */
  void begin(SessionRequest request, Open state, Runnable work) {
    after(throttle.admit(attempt(request)), state, work);
  }

  /** What {@link #begin} began has shown that. */
  void found(SessionRequest request, boolean matched) {
    if (matched) {
      throttle.succeeded(attempt(request));
    } else {
      throttle.failed(attempt(request));
    }
  }

  private void after(Verdict verdict, Open state, Runnable event) {
    switch (verdict) {
      case Verdict.Now _ -> event.run();
      case Verdict.After after -> {
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
                    after.time().toNanos(),
                    TimeUnit.NANOSECONDS);
      }
      case Verdict.Refused _ -> {
        metrics.throttled("refused");
        session.refuse(Refusal.tooManyGuesses(), Ending.REFUSED);
      }
    }
  }
}
