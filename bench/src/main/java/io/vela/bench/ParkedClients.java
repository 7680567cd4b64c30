package io.vela.bench;

import io.vela.bench.Figure.Bar;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Clients whose sessions are parked, all at once, over a few branches that sleep in the end. */
final class ParkedClients {
  private static final int OVER_BRANCHES = 4;
  private static final int WARM = 1000;

  /** Vela tidies up once all are parked. */
  private static final Duration REST = Duration.ofSeconds(5);

  private static final long CONNECTING_MINUTES = 15;

  private ParkedClients() {}

  /** How many there are per MiB by which Vela's resident memory grows. */
  static Figure perMib(Bed bed, String baseline, int count) throws Exception {
    bed.say().accept("parking " + count + " clients");
    var branches = new ArrayList<String>();
    for (int i = 0; i < OVER_BRANCHES; i++) {
      branches.add("parked-" + i);
      bed.vela().createBranch(branches.getLast(), baseline);
    }
    // What the first clients cause to be loaded and compiled belongs to nobody.
    close(park(bed, branches, Math.min(WARM, count)));
    for (var branch : branches) {
      bed.vela().awaitParked(branch, 0);
    }
    var memory = new ProcessMemory(bed.vela().pid());
    double before = memory.residentMib();
    var parked = park(bed, branches, count);
    double grown = memory.residentMib() - before;
    close(parked);
    for (var branch : branches) {
      bed.vela().delete(branch);
    }
    return new Figure(
        "parked clients per MiB",
        "1/MiB",
        new Sample(List.of(count / Math.max(0.1, grown))),
        new Sample(List.of(1.0)),
        "",
        Bar.atLeast(250));
  }

  /** Connects them, the branches at the same time, and returns when the branches sleep. */
  private static List<IdleClients> park(Bed bed, List<String> branches, int count)
      throws Exception {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var connecting = new ArrayList<Future<IdleClients>>();
      for (var branch : branches) {
        connecting.add(threads.submit(on(bed, branch, count / branches.size())));
      }
      var all = new ArrayList<IdleClients>();
      for (var one : connecting) {
        all.add(one.get(CONNECTING_MINUTES, TimeUnit.MINUTES));
      }
      Thread.sleep(REST);
      return all;
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("clients could not be parked", e);
    }
  }

  private static Callable<IdleClients> on(Bed bed, String branch, int count) {
    return () -> {
      var idle = new IdleClients();
      idle.connect(bed.vela().client(branch), count);
      bed.vela().awaitParked(branch, count);
      bed.vela().park(branch);
      return idle;
    };
  }

  private static void close(List<IdleClients> all) throws IOException {
    for (var idle : all) {
      idle.close();
    }
  }
}
