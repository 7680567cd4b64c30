package io.vela.proxy.session;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

final class TidyingTest {
  private final AtomicInteger collections = new AtomicInteger();
  private final AtomicLong usedMegabytes = new AtomicLong(20);
  private final Tidying tidying =
      new Tidying(() -> usedMegabytes.get() << 20, collections::incrementAndGet);

  private void look(int times, long parked, long all) {
    for (int i = 0; i < times; i++) {
      tidying.look(parked, all);
    }
  }

  @Test
  void collectsOnceWhenAWaveIsParkedAndNobodyWaits() {
    look(4, 999, 1_000);
    look(3, 1_000, 1_000);
    assertThat(collections).hasValue(0);

    look(9, 1_000, 1_000);
    assertThat(collections).hasValue(1);
  }

  @Test
  void waitsUntilNothingChangesAnyMore() {
    for (int parked = 1_000; parked < 1_100; parked += 3) {
      look(3, parked, parked);
    }

    assertThat(collections).hasValue(0);
  }

  @Test
  void doesNotForASessionThatIsAwake() {
    look(9, 10_000, 10_001);

    assertThat(collections).hasValue(0);
  }

  @Test
  void countsFromTheLowestSinceTheLastTime() {
    look(4, 1_000, 1_000);
    look(4, 1_999, 1_999);
    assertThat(collections).hasValue(1);

    look(1, 0, 1_999);
    look(4, 1_000, 1_000);
    assertThat(collections).hasValue(2);
  }

  @Test
  void collectsWhateverSessionsDoWhenTheHeapIsMostlyGarbage() {
    usedMegabytes.set(64);
    look(9, 0, 10);
    assertThat(collections).hasValue(0);

    usedMegabytes.set(65);
    look(1, 0, 10);
    assertThat(collections).hasValue(1);
  }

  @Test
  void takesWhatACollectionLeavesToBeAlive() {
    usedMegabytes.set(200);
    look(9, 0, 10);
    usedMegabytes.set(400);
    look(9, 0, 10);
    assertThat(collections).hasValue(1);

    usedMegabytes.set(401);
    look(1, 0, 10);
    assertThat(collections).hasValue(2);
  }
}
