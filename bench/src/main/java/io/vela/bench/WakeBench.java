package io.vela.bench;

import io.vela.bench.Figure.Bar;
import java.util.ArrayList;
import java.util.List;

/**
 * From connecting to a suspended branch to its first row, beside its floor: the start of bare
 * Postgres with the same arguments on a clone of the same snapshot; measured in turn, a floor
 * before each.
 */
final class WakeBench implements Benchmark {
  static final String FLOOR = "bare postgres, strict";

  @Override
  public List<Figure> run(Bed bed) throws Exception {
    var floor = bed.floor("wake", bed.vela().dataOfNewBranch("wake-floor", "main"), "wake-floor");
    var client = bed.vela().client("wake");
    var floors = new ArrayList<Double>();
    var wakes = new ArrayList<Double>();
    for (int run = -1; run < bed.runs(); run++) {
      bed.vela().suspend("wake");
      double floorMillis = floor.startToFirstRow();
      double wakeMillis = millis(client);
      if (run >= 0) {
        floors.add(floorMillis);
        wakes.add(wakeMillis);
      }
    }
    bed.vela().delete("wake");
    bed.vela().delete("wake-floor");
    var wake = new Sample(wakes);
    var bare = new Sample(floors);
    return List.of(
        new Figure("wake", "ms", wake, bare, FLOOR, Bar.atMost(1.3)),
        new Figure(
            "wake, p99",
            "ms",
            new Sample(List.of(wake.percentile(0.99))),
            new Sample(List.of(bare.percentile(0.99))),
            FLOOR + ", p99",
            Bar.atMost(2)));
  }

  static double millis(FirstRow client) throws Exception {
    long begin = System.nanoTime();
    client.fetch();
    return (System.nanoTime() - begin) / 1e6;
  }
}
