package io.vela.router.room;

import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** A place that was asked for. */
public final class Ticket {
  private final Room room;
  private final Instant askedAt;
  private final long number;
  private final CompletableFuture<Place> place = new CompletableFuture<>();

  Ticket(Room room, Instant askedAt, long number) {
    this.room = room;
    this.askedAt = askedAt;
    this.number = number;
  }

  /** Who asked for it no longer wants it. */
  public static final class WithdrawnException extends Exception {
    private static final long serialVersionUID = 1L;

    private WithdrawnException() {
      super("the place is not wanted any more");
    }
  }

  Instant askedAt() {
    return askedAt;
  }

  /** Of those who asked at the same instant, who was first. */
  long number() {
    return number;
  }

  CompletableFuture<Place> place() {
    return place;
  }

  /** Whether it is neither granted nor withdrawn. */
  public boolean waits() {
    return !place.isDone();
  }

  /**
   * Waits for the place, which the caller then has to free. Blocks.
   *
   * @throws WithdrawnException when it was withdrawn instead
   * @throws InterruptedException when the caller is interrupted; then there is nothing to free
   */
  public Place await() throws WithdrawnException, InterruptedException {
    try {
      return place.get();
    } catch (ExecutionException e) {
      throw (WithdrawnException) new WithdrawnException().initCause(e);
    } catch (InterruptedException e) {
      if (!withdraw()) {
        var _ = place.thenAccept(Place::free);
      }
      throw e;
    }
  }

  /**
   * Asks no longer.
   *
   * @return whether it was in time: else it is granted, or was withdrawn before
   */
  public boolean withdraw() {
    return room.withdraw(this);
  }

  void withdrawn() {
    place.completeExceptionally(new WithdrawnException());
  }
}
