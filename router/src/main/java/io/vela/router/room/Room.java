package io.vela.router.room;

import io.vela.config.RunningLimits.Bound;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * How many instances may run, and who waits to be one of them.
 *
 * <p>Those who wait are served in the order in which they began to ask for their branch, and nobody
 * goes before them: what becomes free goes to the first of them in the same step. So room that was
 * made for one is taken by nobody who came later. When somebody waits for whom no place is being
 * freed, the {@link Maker} is told. Safe for use from any thread; nothing blocks, and nothing of
 * others is called under the lock.
 */
public final class Room {
  private final Supplier<Optional<Bound>> bound;
  private final ReentrantLock lock = new ReentrantLock();
  private final Set<Place> places = new HashSet<>();
  private final PriorityQueue<Ticket> queue =
      new PriorityQueue<>(Comparator.comparing(Ticket::askedAt).thenComparingLong(Ticket::number));
  private long tickets;
  private volatile Maker maker = new Nobody();

  /**
   * @param bound what holds now; may change, see {@link #changed}
   */
  public Room(Supplier<Optional<Bound>> bound) {
    this.bound = bound;
  }

  /** Who makes room. */
  public interface Maker {
    /** Somebody waits for whom no place is being freed. Must not block. */
    void wanted();

    /** What runs and what keeps it running, one line each, as last seen. */
    List<String> occupants();
  }

  /** How it stands. */
  public record Occupancy(int running, int waiting, Optional<Bound> bound) {}

  /** Names who makes room from now on. */
  public void maker(Maker next) {
    maker = next;
    tellIfWanted();
  }

  /**
   * Asks for a place.
   *
   * @param askedAt since when: the earlier goes first
   */
  public Ticket ask(Instant askedAt) {
    Ticket ticket;
    List<Runnable> granted;
    lock.lock();
    try {
      ticket = new Ticket(this, askedAt, tickets++);
      queue.add(ticket);
      granted = grant();
    } finally {
      lock.unlock();
    }
    granted.forEach(Runnable::run);
    tellIfWanted();
    return ticket;
  }

  /** A place for what runs already, whatever the bound. */
  public Place occupied() {
    lock.lock();
    try {
      return add();
    } finally {
      lock.unlock();
    }
  }

  /** A place that nobody will miss: another stays free, and nobody waits. */
  public Optional<Place> spare() {
    lock.lock();
    try {
      boolean spare =
          queue.isEmpty()
              && bound.get().map(most -> places.size() + 1 < most.instances()).orElse(true);
      return spare ? Optional.of(add()) : Optional.empty();
    } finally {
      lock.unlock();
    }
  }

  /** The bound has changed. */
  public void changed() {
    List<Runnable> granted;
    lock.lock();
    try {
      granted = grant();
    } finally {
      lock.unlock();
    }
    granted.forEach(Runnable::run);
    tellIfWanted();
  }

  /** How many of those who wait have no place that is free or being freed. */
  public int wanted() {
    lock.lock();
    try {
      if (queue.isEmpty()) {
        return 0;
      }
      var most = bound.get();
      if (most.isEmpty()) {
        return 0;
      }
      long leaving = places.stream().filter(p -> p.use() == Place.Use.LEAVING).count();
      return (int) Math.max(0, queue.size() - leaving + places.size() - most.get().instances());
    } finally {
      lock.unlock();
    }
  }

  /** How it stands now. */
  public Occupancy occupancy() {
    lock.lock();
    try {
      return new Occupancy(places.size(), queue.size(), bound.get());
    } finally {
      lock.unlock();
    }
  }

  /** See {@link Maker#occupants}. */
  public List<String> occupants() {
    return maker.occupants();
  }

  boolean withdraw(Ticket ticket) {
    lock.lock();
    try {
      if (!queue.remove(ticket)) {
        return false;
      }
    } finally {
      lock.unlock();
    }
    ticket.withdrawn();
    return true;
  }

  void move(Place place, Place.Use next) {
    List<Runnable> granted;
    lock.lock();
    try {
      if (place.use() == Place.Use.FREE) {
        return;
      }
      place.use(next);
      if (next == Place.Use.FREE) {
        places.remove(place);
      }
      granted = grant();
    } finally {
      lock.unlock();
    }
    granted.forEach(Runnable::run);
    tellIfWanted();
  }

  private Place add() {
    var place = new Place(this);
    places.add(place);
    return place;
  }

  private List<Runnable> grant() {
    var granted = new ArrayList<Runnable>();
    var most = bound.get();
    while (!queue.isEmpty() && most.map(limit -> places.size() < limit.instances()).orElse(true)) {
      var next = queue.remove();
      var place = add();
      granted.add(() -> next.place().complete(place));
    }
    return granted;
  }

  private void tellIfWanted() {
    if (wanted() > 0) {
      maker.wanted();
    }
  }

  /** Until somebody is named: nothing can be freed yet. */
  private static final class Nobody implements Maker {
    @Override
    public void wanted() {}

    @Override
    public List<String> occupants() {
      return List.of();
    }
  }
}
