package io.vela.bench;

import io.vela.bench.Figure.Bar;
import io.vela.config.value.ByteSize;
import java.util.ArrayList;
import java.util.List;

/** From connecting to a branch that does not exist to its first row. */
final class CreateBench implements Benchmark {
  private static final int FEW_TABLES = 100;
  private static final int MANY_TABLES = 10_000;

  private final ByteSize large;

  /**
   * @param large size of the large baseline; 0 leaves it and the one of many tables out
   */
  CreateBench(ByteSize large) {
    this.large = large;
  }

  @Override
  public List<Figure> run(Bed bed) throws Exception {
    var figures = new ArrayList<Figure>();
    figures.add(besideFloor(bed));
    figures.add(warm(bed));
    if (large.bytes() > 0) {
      bed.say().accept("filling a cluster of " + large);
      var cluster = LargeCluster.make(bed.top().resolve("large"), bed.bin(), bed.user(), large);
      bed.vela().importDirectory("large", cluster);
      figures.add(compare(bed, large.toString(), "large-", "empty", "small-", Bar.atMost(1.2)));
      for (int tables : List.of(FEW_TABLES, MANY_TABLES)) {
        bed.say().accept("making " + tables + " tables");
        var folder = bed.top().resolve("tables-" + tables);
        bed.vela()
            .importDirectory(
                "tables" + tables, LargeCluster.withTables(folder, bed.bin(), bed.user(), tables));
      }
      figures.add(
          compare(
              bed,
              MANY_TABLES + " tables",
              "tables" + MANY_TABLES + "-",
              FEW_TABLES + " tables",
              "tables" + FEW_TABLES + "-",
              Bar.atMost(1.5)));
    }
    return figures;
  }

  private static Figure besideFloor(Bed bed) throws Exception {
    var floor = floor(bed, "create", "main");
    var floors = new ArrayList<Double>();
    var creates = new ArrayList<Double>();
    for (int run = -1; run < bed.runs(); run++) {
      double floorMillis = floor.startToFirstRow();
      double createMillis = createOnce(bed, "create-" + (run + 1));
      if (run >= 0) {
        floors.add(floorMillis);
        creates.add(createMillis);
      }
    }
    bed.vela().delete("create-floor");
    return new Figure(
        "create on connect",
        "ms",
        new Sample(creates),
        new Sample(floors),
        WakeBench.FLOOR,
        Bar.atMost(1.7));
  }

  /** Connects to a branch that does not exist while a warm clone is ready. */
  private static Figure warm(Bed bed) throws Exception {
    bed.say().accept("creating with a warm clone");
    bed.vela().importDirectory("warm", bed.vela().dataOfNewBranch("warm-source", "main"));
    bed.vela().delete("warm-source");
    var floor = floor(bed, "warm", "warm");
    var floors = new ArrayList<Double>();
    var creates = new ArrayList<Double>();
    for (int run = -1; run < bed.runs(); run++) {
      // Before the floor too: it is not to share the machine with the next warm clone's start.
      bed.vela().awaitWarm("warm");
      double floorMillis = floor.startToFirstRow();
      double createMillis = createOnce(bed, "warm-" + (run + 1));
      if (run >= 0) {
        floors.add(floorMillis);
        creates.add(createMillis);
      }
    }
    bed.vela().delete("warm-floor");
    return new Figure(
        "create with a warm clone",
        "ms",
        new Sample(creates),
        new Sample(floors),
        WakeBench.FLOOR,
        Bar.atMost(0.35));
  }

  /**
   * The floor of a create: a clone like the one that is created, but one that is there already and
   * has been started before, so that nothing of a clone's making is in the floor.
   */
  private static BarePostgres floor(Bed bed, String prefix, String baseline) throws Exception {
    var data = bed.vela().dataOfNewBranch(prefix + "-floor", baseline);
    var like = prefix + "-like";
    var floor = bed.floor(like, data, prefix + "-floor");
    bed.vela().delete(like);
    return floor;
  }

  /** Creates from two baselines in turn. */
  private static Figure compare(
      Bed bed, String what, String prefix, String reference, String referencePrefix, Bar bar)
      throws Exception {
    bed.say().accept("creating from " + what);
    var references = new ArrayList<Double>();
    var larges = new ArrayList<Double>();
    for (int run = -1; run < bed.runs(); run++) {
      double small = createOnce(bed, referencePrefix + (run + 1));
      double large = createOnce(bed, prefix + (run + 1));
      if (run >= 0) {
        references.add(small);
        larges.add(large);
      }
    }
    return new Figure(
        "create on connect, " + what,
        "ms",
        new Sample(larges),
        new Sample(references),
        "create on connect, " + reference,
        bar);
  }

  private static double createOnce(Bed bed, String branch) throws Exception {
    double millis = WakeBench.millis(bed.vela().client(branch));
    bed.vela().delete(branch);
    return millis;
  }
}
