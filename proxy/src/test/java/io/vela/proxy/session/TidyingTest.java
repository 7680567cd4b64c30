package io.vela.proxy.session;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

final class TidyingTest {
  private final AtomicInteger collections = new AtomicInteger();
  private final Tidying tidying = new Tidying(collections::incrementAndGet);

  @Test
  void collectsOnceWhenAWaveIsParkedAndNobodyWaits() {
    tidying.look(999, 1_000);
    assertThat(collections).hasValue(0);

    tidying.look(1_000, 1_000);
    tidying.look(1_000, 1_000);
    assertThat(collections).hasValue(1);
  }

  @Test
  void doesNotForASessionThatIsAwake() {
    tidying.look(10_000, 10_001);

    assertThat(collections).hasValue(0);
  }

  @Test
  void countsFromTheLowestSinceTheLastTime() {
    tidying.look(1_000, 1_000);
    tidying.look(1_999, 1_999);
    assertThat(collections).hasValue(1);

    tidying.look(0, 1_999);
    tidying.look(1_000, 1_000);
    assertThat(collections).hasValue(2);
  }
}
