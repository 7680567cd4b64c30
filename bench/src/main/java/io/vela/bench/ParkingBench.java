package io.vela.bench;

import io.vela.bench.Figure.Bar;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * What a parked session's client waits for its first row, beside a fresh connection (which has to
 * authenticate, but has no state), asleep and awake; and what parked clients take of memory.
 */
final class ParkingBench implements Benchmark {
  /** Not one of the pings, which are answered without a backend. */
  private static final String QUERY = "SELECT 42 + 1";

  private static final String BASELINE = "parking";
  private static final String PARKED = "parking-parked";
  private static final String FRESH = "parking-fresh";
  private static final double BEYOND_MILLIS = 5;

  private static final List<String> SETTINGS =
      List.of(
          "application_name = 'bench'",
          "search_path = pg_catalog, public",
          "statement_timeout = '30s'",
          "lock_timeout = '5s'",
          "timezone = 'Europe/Vienna'",
          "datestyle = 'German'",
          "work_mem = '8MB'",
          "random_page_cost = 1.1",
          "extra_float_digits = 1",
          "app.tenant = '42'");

  private static final List<String> STATEMENTS =
      List.of(
          "SELECT $1::int + 1",
          "SELECT relname FROM pg_class WHERE oid = $1",
          "SELECT count(*) FROM pg_attribute WHERE attrelid = $1",
          "SELECT rolname FROM pg_roles WHERE rolname LIKE $1 ORDER BY 1",
          "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
              + " WHERE c.relname = $1");

  private final int clients;

  /**
   * @param clients how many are parked at once for the figure of memory
   */
  ParkingBench(int clients) {
    this.clients = clients;
  }

  @Override
  public List<Figure> run(Bed bed) throws Exception {
    var figures = new ArrayList<Figure>();
    bed.vela().importDirectory(BASELINE, bed.vela().dataOfNewBranch("parking-source", "main"));
    bed.vela().createBranch(PARKED, BASELINE);
    bed.vela().createBranch(FRESH, BASELINE);
    try (var parked = bed.vela().client(PARKED).hold()) {
      giveState(parked);
      figures.addAll(asleep(bed, parked));
      figures.add(awake(bed, parked));
    }
    bed.vela().delete(PARKED);
    bed.vela().delete(FRESH);
    bed.vela().delete("parking-source");
    figures.add(ParkedClients.perMib(bed, BASELINE, clients));
    return figures;
  }

  private static void giveState(FirstRow.Held session) throws IOException {
    for (var setting : SETTINGS) {
      session.run("SET " + setting);
    }
    for (int i = 0; i < STATEMENTS.size(); i++) {
      session.prepare("s" + i, STATEMENTS.get(i));
    }
  }

  /** Both branches sleep; each is woken by its client. */
  private static List<Figure> asleep(Bed bed, FirstRow.Held parked) throws Exception {
    var fresh = bed.vela().client(FRESH);
    freshMillis(fresh);
    var pairs = new Pairs();
    for (int run = -1; run < bed.runs(); run++) {
      bed.vela().park(PARKED);
      bed.vela().suspend(FRESH);
      pairs.measure(run, parked, fresh);
    }
    var figure = pairs.figure("wake of a parked session");
    double beyond = figure.vela().median() - figure.reference().median();
    return List.of(
        figure,
        new Figure(
            "the same, beyond a fresh one's",
            "ms",
            new Sample(List.of(beyond)),
            new Sample(List.of(1.0)),
            "",
            Bar.atMost(BEYOND_MILLIS)));
  }

  /** Both branches run; the session has given back its backend. */
  private static Figure awake(Bed bed, FirstRow.Held parked) throws Exception {
    var fresh = bed.vela().client(FRESH);
    var pairs = new Pairs();
    for (int run = -1; run < bed.runs(); run++) {
      bed.vela().awaitParked(PARKED, 1);
      pairs.measure(run, parked, fresh);
    }
    return pairs.figure("first row of a parked one, awake");
  }

  private static double freshMillis(FirstRow client) throws IOException {
    long begin = System.nanoTime();
    try (var held = client.hold()) {
      double connected = (System.nanoTime() - begin) / 1e6;
      return connected + held.millisToFirstRow(QUERY);
    }
  }

  /** What was measured in turn, each as often first as second. */
  private static final class Pairs {
    final List<Double> parked = new ArrayList<>();
    final List<Double> fresh = new ArrayList<>();

    void measure(int run, FirstRow.Held session, FirstRow connection) throws IOException {
      double before = run % 2 == 0 ? 0 : freshMillis(connection);
      double parkedMillis = session.millisToFirstRow(QUERY);
      double freshMillis = run % 2 == 0 ? freshMillis(connection) : before;
      // The first has found nothing compiled.
      if (run >= 0) {
        parked.add(parkedMillis);
        fresh.add(freshMillis);
      }
    }

    Figure figure(String what) {
      return new Figure(
          what, "ms", new Sample(parked), new Sample(fresh), "fresh connection", Bar.NONE);
    }
  }
}
