package io.vela.bench;

import io.vela.bench.Figure.Bar;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** New connections: each authenticates by SCRAM, asks one question, and closes. */
final class ConnectBench implements Benchmark {
  private static final int CLIENTS = 4;
  private static final int SCALE = 1;

  @Override
  public List<Figure> run(Bed bed) throws Exception {
    var pgbench = Pgbench.find(bed.say());
    var data = bed.vela().dataOfNewBranch("connect-direct", "main");
    var figures = new ArrayList<Figure>();
    try (var direct = DirectPostgres.start(bed, data, "connect", Path.of("psql"))) {
      var vela = bed.vela().server("connect");
      pgbench.fill(vela, SCALE);
      pgbench.fill(direct.server(), SCALE);
      figures.add(compare(bed, pgbench, vela, direct.server(), "direct, TCP", Bar.atLeast(5)));
      if (bed.peers()) {
        try (var bouncer =
            Peer.pgBouncer(bed, direct.socketFolder(), direct.server(), bed.vela().certificate())) {
          figures.add(
              compare(
                  bed,
                  pgbench,
                  vela,
                  direct.server().on(bouncer.port()),
                  "PgBouncer, session",
                  Bar.atLeast(1)));
        }
      }
    }
    bed.vela().delete("connect");
    bed.vela().delete("connect-direct");
    return figures;
  }

  private static Figure compare(
      Bed bed, Pgbench pgbench, Pgbench.Server vela, Pgbench.Server reference, String name, Bar bar)
      throws Exception {
    var velas = new ArrayList<Double>();
    var references = new ArrayList<Double>();
    for (int run = -1; run < bed.runs(); run++) {
      double referenceRate = pgbench.connects(reference, CLIENTS, bed.time());
      double velaRate = pgbench.connects(vela, CLIENTS, bed.time());
      if (run >= 0) {
        references.add(referenceRate);
        velas.add(velaRate);
      }
    }
    return new Figure(
        "connect, one select, close", "1/s", new Sample(velas), new Sample(references), name, bar);
  }
}
