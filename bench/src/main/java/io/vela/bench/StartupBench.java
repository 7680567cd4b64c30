package io.vela.bench;

import io.vela.bench.Figure.Bar;
import java.util.ArrayList;
import java.util.List;

/**
 * From the start of a process to what its user waits for: {@code vela up} on a data directory that
 * is there, and a verb of the command line. In milliseconds and not beside a peer.
 */
final class StartupBench implements Benchmark {
  private static final double UP_MILLIS = 1000;
  private static final double VERB_MILLIS = 400;
  private static final Sample MILLISECOND = new Sample(List.of(1.0));

  @Override
  public List<Figure> run(Bed bed) throws Exception {
    var data = bed.top().resolve("data-startup");
    var config = bed.top().resolve("vela.yaml");
    var starts = new ArrayList<Double>();
    var verbs = new ArrayList<Double>();
    // The first start makes the data directory, and is not counted.
    for (int run = -1; run < bed.runs(); run++) {
      try (var vela = VelaUnderTest.start(data, config)) {
        double verb = vela.timedVerb("branch", "list");
        if (run >= 0) {
          starts.add(vela.startMillis());
          verbs.add(verb);
        }
      }
    }
    return List.of(
        figure("vela up, to ready", starts, UP_MILLIS),
        figure("vela branch list", verbs, VERB_MILLIS));
  }

  private static Figure figure(String what, List<Double> millis, double bar) {
    return new Figure(what, "ms", new Sample(millis), MILLISECOND, "", Bar.atMost(bar));
  }
}
