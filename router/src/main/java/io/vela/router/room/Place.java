package io.vela.router.room;

/**
 * The right to one running instance, from before its start until it has ended. It may move from one
 * holder to another (a warm clone's to the branch that takes it). Safe for use from any thread.
 */
public final class Place {
  /** Guarded by the room's lock, as is what is known of the place there. */
  enum Use {
    HELD,
    LEAVING,
    FREE
  }

  private final Room room;
  private Use use = Use.HELD;

  Place(Room room) {
    this.room = room;
  }

  Use use() {
    return use;
  }

  void use(Use next) {
    use = next;
  }

  /** Its instance is being stopped: who waits needs nobody else's. */
  public void leaving() {
    room.move(this, Use.LEAVING);
  }

  /** It did not stop in time: others are asked to make room meanwhile. */
  public void staying() {
    room.move(this, Use.HELD);
  }

  /** Its instance has ended. More than once is as once. */
  public void free() {
    room.move(this, Use.FREE);
  }
}
