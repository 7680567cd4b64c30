package io.vela.bench;

import io.vela.bench.Figure.Bar;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** What Vela itself takes: at rest, for connected clients, for sleeping branches. */
final class DensityBench implements Benchmark {
  private static final int CLIENTS = 1000;
  private static final int OVER_BRANCHES = 5;
  private static final int SLEEPING = 1000;
  private static final Duration REST = Duration.ofSeconds(10);

  @Override
  public List<Figure> run(Bed bed) throws Exception {
    var figures = new ArrayList<Figure>();
    var memory = new ProcessMemory(bed.vela().pid());
    figures.add(bar("Vela at rest", "MiB", memory.residentMib(), Bar.atMost(150)));
    figures.addAll(clients(bed, memory));
    figures.addAll(sleeping(bed));
    return figures;
  }

  private static List<Figure> clients(Bed bed, ProcessMemory memory) throws Exception {
    bed.say().accept("connecting " + CLIENTS + " clients");
    // What the first clients cause to be loaded and compiled belongs to nobody.
    var branches = new ArrayList<FirstRow>();
    for (int i = 0; i < OVER_BRANCHES; i++) {
      var client = bed.vela().client("density-" + i);
      client.fetch();
      branches.add(client);
    }
    try (var warm = new IdleClients()) {
      warm.connect(branches.getFirst(), 100);
    }
    double before = memory.residentMib();
    double perMib;
    double cpu;
    try (var idle = new IdleClients()) {
      for (var branch : branches) {
        idle.connect(branch, CLIENTS / OVER_BRANCHES);
      }
      perMib = idle.count() / Math.max(0.1, memory.residentMib() - before);
      cpu = memory.cpuPercent(REST);
    }
    for (int i = 0; i < OVER_BRANCHES; i++) {
      bed.vela().suspend("density-" + i);
      bed.vela().delete("density-" + i);
    }
    return List.of(
        bar("idle clients per MiB", "1/MiB", perMib, Bar.atLeast(100)),
        bar("CPU with " + CLIENTS + " idle clients", "% of a core", cpu, Bar.atMost(1)));
  }

  private static List<Figure> sleeping(Bed bed) throws Exception {
    bed.say().accept("making " + SLEEPING + " branches");
    var config = bed.top().resolve("vela.yaml");
    var data = bed.top().resolve("data-density");
    var empty = startTimes(data, config, Math.min(bed.runs(), 3));
    List<Double> lists = new ArrayList<>();
    List<Double> scrapes = new ArrayList<>();
    double grown;
    try (var vela = VelaUnderTest.start(data, config)) {
      var own = new ProcessMemory(vela.pid());
      vela.timed("/v1/branches");
      scrape(vela);
      double before = own.residentMib();
      for (int i = 0; i < SLEEPING; i++) {
        vela.createBranch("sleeping-" + i, "main");
      }
      for (int run = -1; run < bed.runs(); run++) {
        double list = vela.timed("/v1/branches");
        double scrape = scrape(vela);
        if (run >= 0) {
          lists.add(list);
          scrapes.add(scrape);
        }
      }
      grown = own.residentMib() - before;
    }
    var full = startTimes(data, config, Math.min(bed.runs(), 3));
    return List.of(
        new Figure(
            "list of 1,000 sleeping branches",
            "ms",
            new Sample(lists),
            one(1),
            "",
            Bar.atMost(100)),
        new Figure("scrape with them", "ms", new Sample(scrapes), one(1), "", Bar.atMost(100)),
        bar("memory for them", "MiB", grown, Bar.atMost(20)),
        new Figure("start with them", "ms", full, empty, "start of an empty one", Bar.atMost(1.5)));
  }

  /** The first start makes what later ones find, and is not counted. */
  private static Sample startTimes(Path data, Path config, int runs) throws IOException {
    var times = new ArrayList<Double>();
    for (int run = -1; run < runs; run++) {
      try (var vela = VelaUnderTest.start(data, config)) {
        if (run >= 0) {
          times.add(vela.startMillis());
        }
      }
    }
    return new Sample(times);
  }

  private static double scrape(VelaUnderTest vela) throws IOException, InterruptedException {
    try (var http = HttpClient.newHttpClient()) {
      long begin = System.nanoTime();
      var answer =
          http.send(
              HttpRequest.newBuilder(vela.metrics()).timeout(Duration.ofSeconds(30)).build(),
              BodyHandlers.ofString());
      if (answer.statusCode() != 200) {
        throw new IOException("metrics answered " + answer.statusCode());
      }
      return (System.nanoTime() - begin) / 1e6;
    }
  }

  /** A figure that is held against a number and not against a peer. */
  private static Figure bar(String what, String unit, double value, Bar bar) {
    return new Figure(what, unit, one(value), one(1), "", bar);
  }

  private static Sample one(double value) {
    return new Sample(List.of(value));
  }
}
