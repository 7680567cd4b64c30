package io.vela.bench;

import io.vela.bench.Figure.Bar;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A branch at work, beside the same Postgres with the same settings on the host's own file system.
 * Both are reached by their Unix sockets, so that storage is all that differs.
 */
final class BranchSpeedBench implements Benchmark {
  private static final int SCALE = 20;
  private static final int CLIENTS = 4;
  private static final String HOST = "the host's file system";

  @Override
  public List<Figure> run(Bed bed) throws Exception {
    var pgbench = Pgbench.find(bed.say());
    var psql = Path.of("psql");
    var clone = bed.vela().dataOfNewBranch("speed", "main");
    var host = onHost(bed);
    try (var branch = DirectPostgres.start(bed, clone, "speed", psql);
        var plain = DirectPostgres.start(bed, host, "plain", psql)) {
      var servers =
          List.of(
              local(branch.server(), branch.socketFolder()),
              local(plain.server(), plain.socketFolder()));
      for (var server : servers) {
        pgbench.fill(server, SCALE);
      }
      var figures =
          List.of(
              compare(bed, "updates on a branch", servers, Bar.atLeast(0.85), pgbench::updates),
              compare(bed, "selects on a branch", servers, Bar.atLeast(0.95), pgbench::selects));
      return figures;
    } finally {
      bed.vela().delete("speed");
    }
  }

  private static Path onHost(Bed bed) throws IOException, InterruptedException {
    var folder = java.nio.file.Files.createDirectories(bed.top().resolve("host"));
    bed.user().own(folder);
    return LargeCluster.empty(folder, bed.bin(), bed.user());
  }

  private static Pgbench.Server local(Pgbench.Server server, Path socketFolder) {
    return new Pgbench.Server(
        socketFolder.toString(), server.port(), "postgres", server.password(), "postgres", false);
  }

  /** One kind of load. */
  private interface Load {
    double tps(Pgbench.Server server, int clients, Duration time)
        throws IOException, InterruptedException;
  }

  private static Figure compare(
      Bed bed, String what, List<Pgbench.Server> servers, Bar bar, Load load) throws Exception {
    var branch = new ArrayList<Double>();
    var host = new ArrayList<Double>();
    for (int run = -1; run < bed.runs(); run++) {
      double hostTps = load.tps(servers.getLast(), CLIENTS, bed.time());
      double branchTps = load.tps(servers.getFirst(), CLIENTS, bed.time());
      if (run >= 0) {
        host.add(hostTps);
        branch.add(branchTps);
      }
    }
    return new Figure(what, "tps", new Sample(branch), new Sample(host), HOST, bar);
  }
}
