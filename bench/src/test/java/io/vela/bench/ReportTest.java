package io.vela.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.bench.Figure.Bar;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class ReportTest {
  private static final Report REPORT =
      new Report(
          Map.of("cores", "2"),
          List.of(
              figure("fast", 10, 10, Bar.atMost(1.5)), figure("slow", 20, 10, Bar.atMost(1.5))));

  private static Figure figure(String what, double vela, double reference, Bar bar) {
    return new Figure(
        what, "ms", new Sample(List.of(vela)), new Sample(List.of(reference)), "floor", bar);
  }

  @Test
  void theTableSaysWhichBarWasMissed() {
    var lines = REPORT.table().lines().toList();

    assertThat(lines).anyMatch(line -> line.startsWith("fast") && line.endsWith("met"));
    assertThat(lines).anyMatch(line -> line.startsWith("slow") && line.endsWith("MISSED"));
  }

  @Test
  void theJsonHoldsEveryMeasurement() {
    var json = new JsonObject(REPORT.json());

    var slow = json.getJsonArray("figures").getJsonObject(1);
    assertThat(slow.getDouble("ratio")).isEqualTo(2);
    assertThat(slow.getBoolean("met")).isFalse();
    assertThat(slow.getJsonObject("vela").getJsonArray("values").getDouble(0)).isEqualTo(20);
    assertThat(json.getJsonObject("setting").getString("cores")).isEqualTo("2");
  }

  @Test
  void aBarOfThroughputIsALowerBound() {
    assertThat(Bar.atLeast(0.8).met(0.81)).isTrue();
    assertThat(Bar.atLeast(0.8).met(0.79)).isFalse();
  }
}
