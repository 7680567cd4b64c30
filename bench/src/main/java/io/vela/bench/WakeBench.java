package io.vela.bench;

import io.vela.bench.Figure.Bar;
import java.util.ArrayList;
import java.util.List;

/**
 * From connecting to a branch to its first row, beside the start of bare Postgres to its first row;
 * measured in turn, a floor before each.
 */
final class WakeBench {
  private static final String FLOOR = "bare postgres, start to row";

  private final VelaUnderTest vela;
  private final BarePostgres floor;
  private final int runs;

  WakeBench(VelaUnderTest vela, BarePostgres floor, int runs) {
    this.vela = vela;
    this.floor = floor;
    this.runs = runs;
  }

  /** Connects to a suspended branch. */
  Figure wake() throws Exception {
    var client = vela.client("wake");
    client.fetch();
    var floors = new ArrayList<Double>();
    var wakes = new ArrayList<Double>();
    for (int run = -1; run < runs; run++) {
      vela.suspend("wake");
      double floorMillis = floor.startToFirstRow();
      double wakeMillis = millis(client);
      if (run >= 0) {
        floors.add(floorMillis);
        wakes.add(wakeMillis);
      }
    }
    vela.delete("wake");
    return figure("wake", wakes, floors, Bar.atMost(1.5));
  }

  /** Connects to a branch that does not exist. */
  Figure create() throws Exception {
    var floors = new ArrayList<Double>();
    var creates = new ArrayList<Double>();
    for (int run = -1; run < runs; run++) {
      double floorMillis = floor.startToFirstRow();
      double createMillis = createOnce("create-" + (run + 1));
      if (run >= 0) {
        floors.add(floorMillis);
        creates.add(createMillis);
      }
    }
    return figure("create on connect", creates, floors, Bar.atMost(2));
  }

  /**
   * Connects to a branch that does not exist while a warm clone is ready.
   *
   * @param prefix of branches of a baseline that keeps one
   */
  Figure createWarm(String baseline, String prefix) throws Exception {
    var floors = new ArrayList<Double>();
    var creates = new ArrayList<Double>();
    for (int run = -1; run < runs; run++) {
      double floorMillis = floor.startToFirstRow();
      vela.awaitWarm(baseline);
      double createMillis = createOnce(prefix + (run + 1));
      if (run >= 0) {
        floors.add(floorMillis);
        creates.add(createMillis);
      }
    }
    return figure("create with a warm clone", creates, floors, Bar.atMost(0.4));
  }

  /** Creates from a large baseline and from the small one in turn. */
  Figure createLarge(String size, String prefix) throws Exception {
    var smalls = new ArrayList<Double>();
    var larges = new ArrayList<Double>();
    for (int run = -1; run < runs; run++) {
      double small = createOnce("small-" + (run + 1));
      double large = createOnce(prefix + (run + 1));
      if (run >= 0) {
        smalls.add(small);
        larges.add(large);
      }
    }
    return new Figure(
        "create on connect, " + size,
        "ms",
        new Sample(larges),
        new Sample(smalls),
        "create on connect, empty",
        Bar.atMost(1.3));
  }

  private double createOnce(String branch) throws Exception {
    double millis = millis(vela.client(branch));
    vela.delete(branch);
    return millis;
  }

  private static double millis(FirstRow client) throws Exception {
    long begin = System.nanoTime();
    client.fetch();
    return (System.nanoTime() - begin) / 1e6;
  }

  private static Figure figure(String what, List<Double> vela, List<Double> floor, Bar bar) {
    return new Figure(what, "ms", new Sample(vela), new Sample(floor), FLOOR, bar);
  }
}
