package io.vela.router.room;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.config.RunningLimits.Bound;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class RoomTest {
  private static final Instant NOON = Instant.parse("2026-11-22T12:00:00Z");

  private Optional<Bound> bound = Optional.of(new Bound(2, "limits.max-running"));
  private final Room room = new Room(() -> bound);
  private final AtomicInteger asked = new AtomicInteger();

  private void listen() {
    room.maker(
        new Room.Maker() {
          @Override
          public void wanted() {
            asked.incrementAndGet();
          }

          @Override
          public List<String> occupants() {
            return List.of();
          }
        });
  }

  private Place granted(Ticket ticket) throws Exception {
    assertThat(ticket.waits()).isFalse();
    return ticket.await();
  }

  @Test
  void whatBecomesFreeGoesToWhoAskedFirstAndToNobodyElse() throws Exception {
    var one = granted(room.ask(NOON));
    granted(room.ask(NOON));
    var third = room.ask(NOON.plusSeconds(2));
    var earlier = room.ask(NOON.plusSeconds(1));
    assertThat(third.waits()).isTrue();
    assertThat(earlier.waits()).isTrue();

    one.free();

    var place = granted(earlier);
    assertThat(third.waits()).isTrue();
    assertThat(room.spare()).isEmpty();
    place.free();
    granted(third);
    assertThat(room.occupancy().running()).isEqualTo(2);
  }

  @Test
  void aPlaceIsFreedOnce() throws Exception {
    var one = granted(room.ask(NOON));
    granted(room.ask(NOON));
    one.free();
    one.free();
    one.leaving();
    assertThat(room.occupancy().running()).isEqualTo(1);
  }

  @Test
  void theMakerIsAskedForAsManyAsAreNotYetLeaving() throws Exception {
    listen();
    var one = granted(room.ask(NOON));
    var two = granted(room.ask(NOON));
    assertThat(asked).hasValue(0);
    room.ask(NOON);
    assertThat(asked).hasValue(1);
    assertThat(room.wanted()).isEqualTo(1);
    one.leaving();
    assertThat(room.wanted()).isZero();
    room.ask(NOON);
    assertThat(room.wanted()).isEqualTo(1);
    two.leaving();
    assertThat(room.wanted()).isZero();
    // It did not stop in time: another has to go.
    one.staying();
    assertThat(room.wanted()).isEqualTo(1);
  }

  @Test
  void whoAsksNoLongerStandsInNobodysWay() throws Exception {
    var one = granted(room.ask(NOON));
    granted(room.ask(NOON));
    var gone = room.ask(NOON.plusSeconds(1));
    var next = room.ask(NOON.plusSeconds(2));
    assertThat(gone.withdraw()).isTrue();
    assertThat(gone.withdraw()).isFalse();
    assertThat(room.wanted()).isEqualTo(1);
    one.free();
    granted(next);
    assertThat(next.withdraw()).isFalse();
  }

  @Test
  void aSpareLeavesAnotherPlaceFree() throws Exception {
    var spare = room.spare().orElseThrow();
    assertThat(room.spare()).isEmpty();
    spare.free();
    granted(room.ask(NOON));
    assertThat(room.spare()).isEmpty();
    bound = Optional.empty();
    assertThat(room.spare()).isPresent();
  }

  @Test
  void aBoundThatIsRaisedLetsInWhoWaitsAndOneThatIsLoweredThrowsNobodyOut() throws Exception {
    granted(room.ask(NOON));
    granted(room.ask(NOON));
    var third = room.ask(NOON);
    bound = Optional.of(new Bound(3, "limits.max-running"));
    room.changed();
    granted(third);
    bound = Optional.of(new Bound(1, "limits.max-running"));
    room.changed();
    assertThat(room.occupancy().running()).isEqualTo(3);
    assertThat(room.wanted()).isZero();
    var fourth = room.ask(NOON);
    assertThat(fourth.waits()).isTrue();
    assertThat(room.wanted()).isEqualTo(3);
  }

  @Test
  void whatRanBeforeHasAPlaceWhateverTheBound() {
    for (int i = 0; i < 5; i++) {
      room.occupied();
    }
    assertThat(room.occupancy().running()).isEqualTo(5);
    assertThat(room.ask(NOON).waits()).isTrue();
  }

  @Test
  void underACrowdThereAreNeverMoreThanMayAndAllAreServed() throws Exception {
    var running = new AtomicInteger();
    var most = new AtomicInteger();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var done = new ExecutorCompletionService<Boolean>(threads);
      for (int i = 0; i < 500; i++) {
        boolean impatient = i % 7 == 0;
        int index = i;
        var _ =
            done.submit(
                () -> {
                  var ticket = room.ask(NOON.plusMillis(index % 13));
                  if (impatient && ticket.withdraw()) {
                    return true;
                  }
                  var place = ticket.await();
                  most.accumulateAndGet(running.incrementAndGet(), Math::max);
                  running.decrementAndGet();
                  place.free();
                  return true;
                });
      }
      for (int i = 0; i < 500; i++) {
        assertThat(done.take().get()).isTrue();
      }
    }
    assertThat(most.get()).isBetween(1, 2);
    assertThat(room.occupancy().running()).isZero();
    assertThat(room.occupancy().waiting()).isZero();
  }
}
