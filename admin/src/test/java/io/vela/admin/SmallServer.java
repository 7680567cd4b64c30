package io.vela.admin;

import io.vela.config.HttpConfig;
import io.vela.config.LiveConfig;
import io.vela.config.value.HostPort;
import java.util.List;

/** A server of its own process, to be run with little memory: prints its port, ends with stdin. */
final class SmallServer {
  private SmallServer() {}

  public static void main(String[] arguments) throws Exception {
    var metrics = new MetricsPage();
    try (var server =
        AdminServer.start(
            HttpConfig.at(new HostPort("127.0.0.1", 0)),
            new FakeRouter(),
            metrics,
            new HostPort("127.0.0.1", 6432),
            () -> new LiveConfig.Change(List.of(), List.of(), List.of()),
            new Health(metrics.meters(), Thread::startVirtualThread))) {
      System.out.println(server.address().port());
      while (System.in.read() >= 0) {
        // until the test has ended
      }
    }
  }
}
