package io.vela.bench;

import io.vela.bench.Figure.Bar;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** pgbench's prepared selects through Vela, beside the same on bare Postgres over TCP, in turn. */
final class RelayBench {
  private static final int SCALE = 10;

  private final VelaUnderTest vela;
  private final Pgbench.Server direct;
  private final Pgbench pgbench;
  private final int runs;
  private final Duration time;

  /**
   * @param direct a bare Postgres that runs meanwhile
   * @param time of one run of pgbench
   */
  RelayBench(VelaUnderTest vela, Pgbench.Server direct, Pgbench pgbench, int runs, Duration time) {
    this.vela = vela;
    this.direct = direct;
    this.pgbench = pgbench;
    this.runs = runs;
    this.time = time;
  }

  /** Throughput with 16 clients and with one. */
  List<Figure> run() throws Exception {
    var through = vela.server("relay");
    pgbench.fill(through, SCALE);
    pgbench.fill(direct, SCALE);
    var figures =
        List.of(
            compare(through, "prepared selects, 16 clients", 16),
            compare(through, "prepared selects, 1 client", 1));
    vela.delete("relay");
    return figures;
  }

  private Figure compare(Pgbench.Server through, String what, int clients) throws Exception {
    var velas = new ArrayList<Double>();
    var directs = new ArrayList<Double>();
    pgbench.selects(through, clients, time);
    pgbench.selects(direct, clients, time);
    for (int run = 0; run < runs; run++) {
      directs.add(pgbench.selects(direct, clients, time));
      velas.add(pgbench.selects(through, clients, time));
    }
    return new Figure(
        what, "tps", new Sample(velas), new Sample(directs), "direct, TCP", Bar.atLeast(0.8));
  }
}
