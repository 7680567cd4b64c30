package io.vela.router.branch;

import io.vela.router.room.Place;
import io.vela.router.room.Room;
import io.vela.router.room.Ticket;
import java.time.Instant;
import java.util.Optional;

/** A branch's room for its instance: none, asked for, or had. Guarded by its branch's lock. */
final class BranchRoom {
  private Optional<Ticket> ticket = Optional.empty();
  private Optional<Place> place = Optional.empty();

  /**
   * @param askedAt since when the branch is asked for
   */
  Ticket ask(Room room, Instant askedAt) {
    var asked = room.ask(askedAt);
    ticket = Optional.of(asked);
    return asked;
  }

  /** Whether it was asked for and is neither granted nor given up. */
  boolean isAwaited() {
    return ticket.filter(Ticket::waits).isPresent();
  }

  /** Gives up what was asked for, unless it is granted by now. */
  void withdraw() {
    ticket.ifPresent(Ticket::withdraw);
  }

  void take(Place granted) {
    ticket = Optional.empty();
    place = Optional.of(granted);
  }

  Optional<Place> place() {
    return place;
  }

  /**
   * @return the place that was had, to be freed by the caller
   */
  Optional<Place> leave() {
    var left = place;
    ticket = Optional.empty();
    place = Optional.empty();
    return left;
  }
}
