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
  private static final double MILLIS = 100;
  private static final Duration REST = Duration.ofSeconds(10);

  @Override
  public List<Figure> run(Bed bed) throws Exception {
    var figures = new ArrayList<Figure>();
    figures.addAll(clients(bed, new ProcessMemory(bed.vela().pid())));
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
    var config = bed.top().resolve("vela.yaml");
    var data = bed.top().resolve("data-density");
    int starts = Math.min(bed.runs(), 5);
    var emptyStarts = startTimes(data, config, starts);
    Rested empty;
    try (var vela = VelaUnderTest.start(data, config)) {
      bed.say().accept("watching an empty one");
      empty = Rested.of(vela, bed.runs());
      bed.say().accept("making " + SLEEPING + " branches");
      for (int i = 0; i < SLEEPING; i++) {
        vela.createBranch("sleeping-" + i, "main");
      }
    }
    var fullStarts = startTimes(data, config, starts);
    Rested full;
    try (var vela = VelaUnderTest.start(data, config)) {
      full = Rested.of(vela, bed.runs());
    }
    return List.of(
        bar("Vela at rest", "MiB", empty.mib(), Bar.atMost(150)),
        bar("CPU at rest", "% of a core", empty.cpuPercent(), Bar.atMost(1)),
        ms("list of 1,000 sleeping branches", full.lists()),
        bar("the first after a start", "ms", full.firstList(), Bar.atMost(MILLIS)),
        ms("scrape with them", full.scrapes()),
        bar("memory for them", "MiB", full.mib() - empty.mib(), Bar.atMost(20)),
        new Figure(
            "start with them",
            "ms",
            fullStarts,
            emptyStarts,
            "start of an empty one",
            Bar.atMost(1.5)));
  }

  /**
   * What a Vela that serves nobody takes, after the same few questions whatever it holds.
   *
   * @param firstList its first list of branches, in ms
   * @param lists of branches, in ms
   * @param scrapes of metrics, in ms
   * @param cpuPercent of a core
   * @param mib resident memory
   */
  private record Rested(
      double firstList, List<Double> lists, List<Double> scrapes, double cpuPercent, double mib) {
    static Rested of(VelaUnderTest vela, int runs) throws Exception {
      double firstList = vela.timed("/v1/branches");
      scrape(vela);
      var lists = new ArrayList<Double>();
      var scrapes = new ArrayList<Double>();
      for (int run = 0; run < runs; run++) {
        lists.add(vela.timed("/v1/branches"));
        scrapes.add(scrape(vela));
      }
      var process = new ProcessMemory(vela.pid());
      // What it does after a start, such as measuring branches, comes first.
      Thread.sleep(REST);
      double cpuPercent = process.cpuPercent(REST);
      return new Rested(firstList, lists, scrapes, cpuPercent, process.residentMib());
    }
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

  private static Figure ms(String what, List<Double> millis) {
    return new Figure(what, "ms", new Sample(millis), one(1), "", Bar.atMost(MILLIS));
  }

  private static Sample one(double value) {
    return new Sample(List.of(value));
  }
}
