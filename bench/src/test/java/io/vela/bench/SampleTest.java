package io.vela.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class SampleTest {
  @Test
  void percentilesAreMeasuredValues() {
    var sample = new Sample(IntStream.rangeClosed(1, 100).mapToObj(n -> (double) n).toList());

    assertThat(sample.min()).isEqualTo(1);
    assertThat(sample.median()).isEqualTo(50);
    assertThat(sample.percentile(0.99)).isEqualTo(99);
    assertThat(sample.max()).isEqualTo(100);
  }

  @Test
  void orderDoesNotMatter() {
    assertThat(new Sample(List.of(3.0, 1.0, 2.0)).median()).isEqualTo(2);
  }

  @Test
  void nothingMeasuredIsAnError() {
    assertThatThrownBy(() -> new Sample(List.of())).isInstanceOf(IllegalArgumentException.class);
  }
}
