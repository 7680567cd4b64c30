package io.vela.bench;

import io.vela.bench.Figure.Bar;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * What a running branch that nobody is connected to takes: the memory of all its processes, each
 * shared page counted by the share of it (PSS).
 */
final class MemoryBench implements Benchmark {
  /** What several share, above all the program itself, counts for each the less the more run. */
  private static final int TOGETHER = 10;

  /** Vela keeps a session of its own for a second after it read a role. */
  private static final Duration SETTLING = Duration.ofSeconds(3);

  @Override
  public List<Figure> run(Bed bed) throws Exception {
    use(bed, 0);
    LockSupport.parkNanos(SETTLING.toNanos());
    var alone = new Sample(List.of(proportionalMb(bed, 0)));
    double processes = bed.vela().processes(name(0)).size();
    for (int i = 1; i < TOGETHER; i++) {
      use(bed, i);
    }
    LockSupport.parkNanos(SETTLING.toNanos());
    var each = new ArrayList<Double>();
    for (int i = 0; i < TOGETHER; i++) {
      each.add(proportionalMb(bed, i));
    }
    for (int i = 0; i < TOGETHER; i++) {
      bed.vela().delete(name(i));
    }
    return List.of(
        figure("PSS of the only running branch", "MB", alone, Bar.atMost(20)),
        figure(
            "PSS of each of " + TOGETHER + " running branches",
            "MB",
            new Sample(each),
            Bar.atMost(20)),
        figure("processes of a branch", "", new Sample(List.of(processes)), Bar.atMost(10)));
  }

  private static String name(int number) {
    return "memory-" + number;
  }

  private static void use(Bed bed, int number) throws IOException {
    bed.vela().client(name(number)).fetch();
  }

  private static double proportionalMb(Bed bed, int number) throws Exception {
    double sum = 0;
    for (var process : bed.vela().processes(name(number))) {
      try {
        sum += new ProcessMemory(process.pid()).proportionalMb();
      } catch (IOException e) {
        // A worker that has ended since takes nothing.
        if (process.isAlive()) {
          throw e;
        }
      }
    }
    return sum;
  }

  private static Figure figure(String what, String unit, Sample sample, Bar bar) {
    return new Figure(what, unit, sample, new Sample(List.of(1.0)), "", bar);
  }
}
