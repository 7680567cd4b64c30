package io.vela.bench;

import io.vela.bench.Figure.Bar;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Clients that come for many sleeping branches at once, beside as many bare servers started at once
 * on clones of the same kind.
 */
final class StormBench implements Benchmark {
  private static final int BRANCHES = 50;
  private static final int CLIENTS_EACH = 10;

  @Override
  public List<Figure> run(Bed bed) throws Exception {
    var floors = new ArrayList<BarePostgres>();
    var clients = new ArrayList<FirstRow>();
    for (int i = 0; i < BRANCHES; i++) {
      var data = bed.vela().dataOfNewBranch("floor-" + i, "main");
      floors.add(bed.bare(data, "storm/" + i, List.of()));
      bed.vela().dataOfNewBranch("storm-" + i, "main");
      clients.add(bed.vela().client("storm-" + i));
    }
    var floorTimes = new ArrayList<Double>();
    var velaTimes = new ArrayList<Double>();
    int rounds = Math.min(bed.runs(), 3);
    for (int round = 0; round < rounds; round++) {
      floorTimes.addAll(atOnce(floors.stream().map(StormBench::floor).toList()));
      var arrivals = new ArrayList<Callable<Double>>();
      for (var client : clients) {
        for (int i = 0; i < CLIENTS_EACH; i++) {
          arrivals.add(() -> millis(client));
        }
      }
      velaTimes.addAll(atOnce(arrivals));
      for (int i = 0; i < BRANCHES; i++) {
        bed.vela().suspend("storm-" + i);
      }
    }
    for (int i = 0; i < BRANCHES; i++) {
      bed.vela().delete("storm-" + i);
      bed.vela().delete("floor-" + i);
    }
    var floor = new Sample(floorTimes);
    var vela = new Sample(velaTimes);
    return List.of(
        new Figure(
            "storm: 50 branches x 10, p99",
            "ms",
            new Sample(List.of(vela.percentile(0.99))),
            new Sample(List.of(floor.percentile(0.99))),
            "50 bare starts at once, p99",
            Bar.atMost(1.5)),
        new Figure(
            "storm: served of " + BRANCHES * CLIENTS_EACH * rounds,
            "clients",
            new Sample(List.of((double) velaTimes.size())),
            new Sample(List.of((double) BRANCHES * CLIENTS_EACH * rounds)),
            "all of them",
            Bar.atLeast(1)));
  }

  private static Callable<Double> floor(BarePostgres bare) {
    return bare::startToFirstRow;
  }

  private static double millis(FirstRow client) throws Exception {
    long begin = System.nanoTime();
    client.fetch();
    return (System.nanoTime() - begin) / 1e6;
  }

  /** Runs all at once and returns what each says; one that fails fails all. */
  private static List<Double> atOnce(List<Callable<Double>> tasks) throws Exception {
    var ready = new CountDownLatch(tasks.size());
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var running = new ArrayList<Future<Double>>();
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
        results.add(one.get());
      }
      return results;
    }
  }
}
