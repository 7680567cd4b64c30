package io.vela.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.config.RunningLimits.Bound;
import io.vela.config.value.ByteSize;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class RunningLimitsTest {
  private static final ByteSize BUFFERS = ByteSize.parse("32MB");

  private static Optional<Bound> bound(Optional<Integer> count, Optional<String> memory) {
    return new RunningLimits(count, memory.map(ByteSize::parse)).bound(BUFFERS);
  }

  @Test
  void withoutEitherAnyNumberRuns() {
    assertThat(RunningLimits.NONE.bound(BUFFERS)).isEmpty();
  }

  @Test
  void memoryIsSharedByAsManyAsFitInIt() {
    assertThat(bound(Optional.empty(), Optional.of("520MB")))
        .contains(new Bound(10, "limits.memory"));
    assertThat(bound(Optional.empty(), Optional.of("519MB")))
        .contains(new Bound(9, "limits.memory"));
  }

  @Test
  void theTighterBoundHoldsAndIsTheOneNamed() {
    assertThat(bound(Optional.of(9), Optional.of("520MB")))
        .contains(new Bound(9, "limits.max-running"));
    assertThat(bound(Optional.of(11), Optional.of("520MB")))
        .contains(new Bound(10, "limits.memory"));
  }
}
