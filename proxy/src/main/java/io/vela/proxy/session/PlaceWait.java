package io.vela.proxy.session;

import io.vela.proxy.session.SessionState.Waking;

/**
 * A session's wait for a place among its branch's connections, in the {@link BackendQueue}, for as
 * long in all as it may wait for its branch. On the session's event loop.
 */
final class PlaceWait {
  private final Session session;
  private final SessionServices services;
  private final Attachment attachment;

  /** Since when there has been no place, in ns; 0 when there was one. */
  private long since;

  PlaceWait(Session session, Attachment attachment) {
    this.session = session;
    this.services = session.services();
    this.attachment = attachment;
  }

  /** There was a place. */
  void over() {
    since = 0;
  }

  /**
   * Waits, and has the lease asked for again when there may be a place.
   *
   * @param waiting its lease is completed by nobody
   */
  void begin(Waking waiting, BackendQueue.Limit limit) {
    long now = System.nanoTime();
    if (since == 0) {
      since = now;
    }
    var branch = waiting.target().branch();
    var left = services.limits().wakeTimeout().minusNanos(now - since);
    session.enter(waiting);
    if (left.isNegative()) {
      session.refuse(Refusal.noPlace(branch.value()), Ending.REFUSED);
      return;
    }
    var turn = services.backendQueue().join(branch, session, waiting.request(), limit, since);
    var _ = waiting.lease().whenComplete((_, _) -> turn.cancel(false));
    session.timer().start(left, () -> late(waiting));
    session.onEventLoop(
        turn,
        (_, _) -> {
          if (session.state().equals(waiting)) {
            session.timer().cancel();
            attachment.tryAgain(waiting);
          }
        });
  }

  private void late(Waking waiting) {
    if (session.state().equals(waiting)) {
      session.refuse(Refusal.noPlace(waiting.target().branch().value()), Ending.REFUSED);
    }
  }
}
