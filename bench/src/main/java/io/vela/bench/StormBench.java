package io.vela.bench;

import io.vela.bench.Figure.Bar;
import io.vela.config.LimitsConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;

/**
 * Clients that come for many sleeping branches at once, beside their floors, bare servers with the
 * same arguments on clones of the same snapshot: as many started by as many threads as Vela lets
 * start at once, for one client each (the bar) and for as many clients as a branch gets. All times
 * count from the moment at which all come.
 */
final class StormBench implements Benchmark {
  private static final int BRANCHES = 50;
  private static final int CLIENTS_EACH = 10;
  private static final int PARALLEL = LimitsConfig.DEFAULT.startConcurrency();

  @Override
  public List<Figure> run(Bed bed) throws Exception {
    var floors = new ArrayList<BarePostgres>();
    var clients = new ArrayList<FirstRow>();
    for (int i = 0; i < BRANCHES; i++) {
      var data = bed.vela().dataOfNewBranch("floor-" + i, "main");
      // Its connection creates the branch, and derives the account's key outside of the figures.
      floors.add(bed.floor("storm-" + i, data, "storm/" + i));
      bed.vela().suspend("storm-" + i);
      clients.add(bed.vela().client("storm-" + i));
    }
    var one = new ArrayList<Double>();
    var each = new ArrayList<Double>();
    var vela = new ArrayList<Double>();
    int rounds = Math.min(bed.runs(), 3);
    for (int round = -1; round < rounds; round++) {
      for (int i = 0; i < BRANCHES; i++) {
        bed.vela().suspend("storm-" + i);
      }
      var ones = bare(floors, 1);
      var eachs = bare(floors, CLIENTS_EACH);
      var velas = storm(clients);
      if (round >= 0) {
        one.addAll(ones);
        each.addAll(eachs);
        vela.addAll(velas);
      }
    }
    for (int i = 0; i < BRANCHES; i++) {
      bed.vela().delete("storm-" + i);
      bed.vela().delete("floor-" + i);
    }
    return List.of(
        p99(vela, one, "50 bare starts, 1 client each, p99", Bar.atMost(1.5)),
        p99(vela, each, "50 bare starts x 10 clients, p99", Bar.atMost(1.5)),
        new Figure(
            "storm: served of " + BRANCHES * CLIENTS_EACH * rounds,
            "clients",
            new Sample(List.of((double) vela.size())),
            new Sample(List.of((double) BRANCHES * CLIENTS_EACH * rounds)),
            "all of them",
            Bar.atLeast(1)));
  }

  private static Figure p99(List<Double> vela, List<Double> floor, String name, Bar bar) {
    return new Figure(
        "storm: 50 branches x 10, p99",
        "ms",
        new Sample(List.of(new Sample(vela).percentile(0.99))),
        new Sample(List.of(new Sample(floor).percentile(0.99))),
        name,
        bar);
  }

  private static List<Double> bare(List<BarePostgres> servers, int clients) throws Exception {
    var permits = new Semaphore(PARALLEL);
    var prepared = new ArrayList<BarePostgres.Prepared>();
    var running = new ConcurrentLinkedQueue<BarePostgres.Server>();
    try {
      for (var server : servers) {
        prepared.add(server.prepare());
      }
      return atOnce(
          prepared.stream()
              .map(
                  server ->
                      arrival(
                          begin -> {
                            permits.acquire();
                            BarePostgres.Server started;
                            try {
                              started = server.start();
                            } finally {
                              permits.release();
                            }
                            running.add(started);
                            var millis = new ArrayList<Double>();
                            millis.add((System.nanoTime() - begin) / 1e6);
                            millis.addAll(started.firstRows(clients - 1, begin));
                            return millis;
                          }))
              .toList());
    } finally {
      for (var server : running) {
        server.close();
      }
      for (var waiting : prepared) {
        waiting.close();
      }
    }
  }

  private static List<Double> storm(List<FirstRow> clients) throws Exception {
    var arrivals = new ArrayList<Callable<List<Double>>>();
    for (var client : clients) {
      for (int i = 0; i < CLIENTS_EACH; i++) {
        arrivals.add(
            arrival(
                begin -> {
                  client.fetch();
                  return List.of((System.nanoTime() - begin) / 1e6);
                }));
      }
    }
    return atOnce(arrivals);
  }

  /** What one does who comes. */
  @FunctionalInterface
  private interface Arrival {
    List<Double> from(long begin) throws Exception;
  }

  private static Callable<List<Double>> arrival(Arrival arrival) {
    return () -> arrival.from(System.nanoTime());
  }

  /** Runs all at once and returns what they say; one that fails fails all. */
  private static List<Double> atOnce(List<Callable<List<Double>>> tasks) throws Exception {
    var ready = new CountDownLatch(tasks.size());
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var running = new ArrayList<Future<List<Double>>>();
      for (var task : tasks) {
        running.add(
            threads.submit(
                () -> {
                  ready.countDown();
                  ready.await();
                  return task.call();
                }));
      }
      var results = new ArrayList<Double>();
      for (var one : running) {
        results.addAll(one.get());
      }
      return results;
    }
  }
}
