package io.vela.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.config.value.HostPort;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class LiveConfigTest {
  private final VelaConfig started = VelaConfig.defaults(Path.of("/var/lib/vela"));
  private final LiveConfig live = new LiveConfig(started);

  private static VelaConfig parse(String yaml) throws ConfigException {
    return new ConfigLoader(Path.of("/root")).parse("vela.yaml", Path.of("/etc/vela"), yaml);
  }

  @Test
  void limitsAndPoliciesChangeAtOnce() throws Exception {
    var wanted =
        parse(
            """
            data: /var/lib/vela
            limits: {wake-timeout: 1s}
            baselines: {main: {branches: {create-on-connect: ["pr-*"]}}}
            """);

    var change = live.apply(wanted);

    assertThat(live.get()).isEqualTo(wanted);
    assertThat(change.applied()).containsExactly("baselines", "limits");
    assertThat(change.needRestart()).isEmpty();
  }

  @Test
  void whatNeedsARestartIsNamedAndStays() throws Exception {
    var wanted =
        parse(
            """
            data: /elsewhere
            http: 127.0.0.1:1
            pool: {driver: copy}
            postgres: {version: 16}
            catalog: {url: "postgres://c/d"}
            network: {event-loops: 2}
            """);

    var change = live.apply(wanted);

    assertThat(live.get()).isEqualTo(started);
    assertThat(change.applied()).isEmpty();
    assertThat(change.needRestart())
        .containsExactly("http", "data", "pool", "postgres", "catalog", "network");
  }

  @Test
  void theOrderInWhichPatternsAreTriedIsAChange() throws Exception {
    live.apply(parse("{data: /var/lib/vela, baselines: {main: {}, staging: {}}}"));

    var change = live.apply(parse("{data: /var/lib/vela, baselines: {staging: {}, main: {}}}"));

    assertThat(change.applied()).containsExactly("baselines");
  }

  @Test
  void theSameAgainChangesNothing() {
    var change = live.apply(started.withHttp(HttpConfig.at(new HostPort("127.0.0.1", 6433))));

    assertThat(change.applied()).isEmpty();
    assertThat(change.needRestart()).isEmpty();
  }
}
