package io.vela.bench;

import io.vela.bench.Figure.Bar;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The relay at work, beside bare Postgres over TCP and, if wanted, other proxies, in turn. */
final class RelayBench implements Benchmark {
  private static final int SCALE = 10;
  private static final String DIRECT = "direct, TCP";
  private static final String PGBOUNCER = "PgBouncer, session";

  /** About a kilobyte a row, written out as text. */
  private static final int COPY_ROWS = 1_000_000;

  @Override
  public List<Figure> run(Bed bed) throws Exception {
    var pgbench = Pgbench.find(bed.say());
    var psql = Path.of("psql");
    var data = bed.vela().dataOfNewBranch("relay-direct", "main");
    var figures = new ArrayList<Figure>();
    try (var direct = DirectPostgres.start(bed, data, "direct", psql)) {
      var vela = bed.vela().server("relay");
      pgbench.fill(vela, SCALE);
      pgbench.fill(direct.server(), SCALE);
      var servers = new LinkedHashMap<String, Pgbench.Server>();
      servers.put("vela", vela);
      servers.put(DIRECT, direct.server());
      if (bed.peers()) {
        try (var bouncer = Peer.pgBouncer(bed, direct, bed.vela().certificate());
            var haProxy = Peer.haProxy(bed, direct.server().port())) {
          var bouncerServer = direct.server().on(bouncer.port());
          servers.put(PGBOUNCER, bouncerServer);
          servers.put("HAProxy, TCP", direct.server().on(haProxy.port()));
          figures.addAll(plain(bed, pgbench, servers));
          figures.addAll(encrypted(bed, pgbench, vela, bouncerServer));
        }
      } else {
        figures.addAll(plain(bed, pgbench, servers));
      }
      figures.addAll(copies(bed, psql, vela, direct.server()));
    }
    bed.vela().delete("relay");
    bed.vela().delete("relay-direct");
    return figures;
  }

  private static List<Figure> plain(Bed bed, Pgbench pgbench, Map<String, Pgbench.Server> servers)
      throws Exception {
    var many = selects(bed, pgbench, servers, 16);
    var one = selects(bed, pgbench, servers, 1);
    var figures = new ArrayList<Figure>();
    for (var reference : servers.keySet().stream().skip(1).toList()) {
      var bar = reference.equals(DIRECT) ? 0.95 : reference.equals(PGBOUNCER) ? 1.05 : 1.0;
      figures.add(tps("prepared selects, 16 clients", many, reference, Bar.atLeast(bar)));
    }
    figures.add(tps("prepared selects, 1 client", one, DIRECT, Bar.atLeast(0.8)));
    if (one.containsKey(PGBOUNCER)) {
      figures.add(
          new Figure(
              "added latency, 1 client",
              "ms",
              added(one, "vela"),
              added(one, PGBOUNCER),
              PGBOUNCER,
              Bar.atMost(0.8)));
    }
    return figures;
  }

  private static List<Figure> encrypted(
      Bed bed, Pgbench pgbench, Pgbench.Server vela, Pgbench.Server bouncer) throws Exception {
    var servers = new LinkedHashMap<String, Pgbench.Server>();
    servers.put("vela", vela.withTls(true));
    servers.put(PGBOUNCER, bouncer.withTls(true));
    var figures = new ArrayList<Figure>();
    for (int clients : List.of(16, 1)) {
      figures.add(
          tps(
              "the same with TLS, " + clients + (clients == 1 ? " client" : " clients"),
              selects(bed, pgbench, servers, clients),
              PGBOUNCER,
              Bar.atLeast(1.1)));
    }
    return figures;
  }

  private static Map<String, List<Double>> selects(
      Bed bed, Pgbench pgbench, Map<String, Pgbench.Server> servers, int clients) throws Exception {
    var all = new LinkedHashMap<String, List<Double>>();
    for (int run = -1; run < bed.runs(); run++) {
      for (var server : servers.entrySet()) {
        double tps = pgbench.selects(server.getValue(), clients, bed.time());
        if (run >= 0) {
          all.computeIfAbsent(server.getKey(), _ -> new ArrayList<>()).add(tps);
        }
      }
    }
    return all;
  }

  private static Figure tps(
      String what, Map<String, List<Double>> measured, String reference, Bar bar) {
    return new Figure(
        what, "tps", sample(measured, "vela"), sample(measured, reference), reference, bar);
  }

  private static Sample sample(Map<String, List<Double>> measured, String of) {
    return new Sample(measured.getOrDefault(of, List.of()));
  }

  /** What a select takes longer than directly, in ms, run by run. */
  private static Sample added(Map<String, List<Double>> measured, String of) {
    var own = sample(measured, of).values();
    var direct = sample(measured, DIRECT).values();
    var added = new ArrayList<Double>();
    for (int run = 0; run < own.size(); run++) {
      added.add(1000 / own.get(run) - 1000 / direct.get(run));
    }
    return new Sample(added);
  }

  /** A gigabyte out and in, by one client. */
  private static List<Figure> copies(Bed bed, Path psql, Pgbench.Server vela, Pgbench.Server direct)
      throws Exception {
    bed.say().accept("copying");
    var limit = Duration.ofMinutes(10);
    for (var server : List.of(vela, direct)) {
      LibpqProgram.psql(
          psql,
          server,
          limit,
          "-c",
          "CREATE UNLOGGED TABLE bulk AS SELECT n, repeat(md5(n::text), 31) AS t"
              + " FROM generate_series(1, "
              + COPY_ROWS
              + ") n",
          "-c",
          "CREATE UNLOGGED TABLE taken (LIKE bulk)");
    }
    var out = List.of("-c", "COPY bulk TO STDOUT", "-o");
    var file = bed.top().resolve("bulk").toString();
    LibpqProgram.psql(psql, direct, limit, with(out, file));
    var ways = new LinkedHashMap<String, List<String>>();
    // Not to a file: what the disk takes at a time is another's matter, and no two runs see the
    // same.
    ways.put("COPY out, 1 GB", List.of(with(out, "/dev/null")));
    ways.put(
        "COPY in, 1 GB", List.of("-c", "TRUNCATE taken", "-c", "\\copy taken FROM '" + file + "'"));
    var figures = new ArrayList<Figure>();
    for (var way : ways.entrySet()) {
      var velas = new ArrayList<Double>();
      var directs = new ArrayList<Double>();
      for (int run = -1; run < bed.runs(); run++) {
        double directRate = rate(psql, direct, limit, way.getValue());
        double velaRate = rate(psql, vela, limit, way.getValue());
        if (run >= 0) {
          directs.add(directRate);
          velas.add(velaRate);
        }
      }
      figures.add(
          new Figure(
              way.getKey(),
              "MB/s",
              new Sample(velas),
              new Sample(directs),
              DIRECT,
              Bar.atLeast(0.95)));
    }
    return figures;
  }

  private static String[] with(List<String> words, String last) {
    return Stream.concat(words.stream(), Stream.of(last)).toArray(String[]::new);
  }

  private static double rate(Path psql, Pgbench.Server server, Duration limit, List<String> words)
      throws Exception {
    long begin = System.nanoTime();
    LibpqProgram.psql(psql, server, limit, words.toArray(String[]::new));
    return COPY_ROWS * 1000.0 / 1e6 / ((System.nanoTime() - begin) / 1e9);
  }
}
