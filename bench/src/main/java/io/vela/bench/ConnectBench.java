package io.vela.bench;

import io.vela.bench.Figure.Bar;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * New connections: each authenticates by SCRAM, asks one question, and closes. Through Vela with a
 * new backend for each, as it is by default, with backends that are reused, and with spare ones.
 */
final class ConnectBench implements Benchmark {
  private static final int CLIENTS = 4;
  private static final int SCALE = 1;
  private static final String DIRECT = "direct, TCP";
  private static final String PGBOUNCER = "PgBouncer, session";

  /** Baselines by their policy; what each is called in the report. */
  private static final Map<String, String> POLICIES =
      Map.of("main", "", "reuse", ", backends reused", "spare", ", spare backends");

  @Override
  public List<Figure> run(Bed bed) throws Exception {
    var pgbench = Pgbench.find(bed.say());
    var vela = bed.vela();
    var servers = new LinkedHashMap<String, Pgbench.Server>();
    var source = vela.dataOfNewBranch("connect-source", "main");
    for (var policy : List.of("reuse", "spare")) {
      vela.importDirectory(policy, source);
    }
    for (var policy : List.of("main", "reuse", "spare")) {
      vela.createBranch("connect-" + policy, policy);
      servers.put(policy, vela.server("connect-" + policy));
      pgbench.fill(vela.server("connect-" + policy), SCALE);
    }
    var figures = new ArrayList<Figure>();
    var data = vela.dataOfNewBranch("connect-direct", "main");
    try (var direct = DirectPostgres.start(bed, data, "connect", Path.of("psql"))) {
      pgbench.fill(direct.server(), SCALE);
      servers.put(DIRECT, direct.server());
      if (bed.peers()) {
        try (var bouncer = Peer.pgBouncer(bed, direct, vela.certificate())) {
          servers.put(PGBOUNCER, direct.server().on(bouncer.port()));
          figures.addAll(compare(bed, pgbench, servers));
        }
      } else {
        figures.addAll(compare(bed, pgbench, servers));
      }
    }
    for (var branch : List.of("main", "reuse", "spare", "direct", "source")) {
      vela.delete("connect-" + branch);
    }
    return figures;
  }

  private static List<Figure> compare(Bed bed, Pgbench pgbench, Map<String, Pgbench.Server> servers)
      throws Exception {
    var rates = new LinkedHashMap<String, List<Double>>();
    for (int run = -1; run < bed.runs(); run++) {
      for (var server : servers.entrySet()) {
        double rate = pgbench.connects(server.getValue(), CLIENTS, bed.time());
        if (run >= 0) {
          rates.computeIfAbsent(server.getKey(), _ -> new ArrayList<>()).add(rate);
        }
      }
    }
    var figures = new ArrayList<Figure>();
    for (var reference : List.of(DIRECT, PGBOUNCER)) {
      for (var policy : List.of("main", "reuse", "spare")) {
        if (rates.containsKey(reference)) {
          figures.add(
              new Figure(
                  "connect, one select, close" + POLICIES.getOrDefault(policy, ""),
                  "1/s",
                  new Sample(rates.getOrDefault(policy, List.of())),
                  new Sample(rates.getOrDefault(reference, List.of())),
                  reference,
                  Bar.atLeast(reference.equals(DIRECT) ? 5 : 1)));
        }
      }
    }
    return figures;
  }
}
