package io.vela.cli.up;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.config.HttpConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.value.HostPort;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DescriptorBudgetTest {
  private static final int OPEN = 120;

  private static ListenerConfig listener(int port) {
    return new ListenerConfig(new HostPort("127.0.0.1", port), Optional.empty());
  }

  private static int bound(ListenerConfig listener) {
    return listener.maxConnections().orElseThrow();
  }

  @ParameterizedTest
  @CsvSource({"256, 25, 45", "1024, 250, 400", "4096, 1200, 1400", "20000, 6000, 7500"})
  void clientsLeaveDescriptorsOver(int limit, int least, int most) {
    var descriptors = new DescriptorBudget(limit, OPEN);

    int clients = bound(descriptors.share(List.of(listener(1))).getFirst());

    assertThat(clients).isBetween(least, most);
    // Served ones, with their backends, those that wait to be refused, and backends kept for later.
    int taken = 2 * clients + 2 * ListenerConfig.waiting(clients) + descriptors.http() + OPEN;
    assertThat(limit - taken).isGreaterThanOrEqualTo(Math.max(48, limit / 8));
  }

  @Test
  void whatIsSetStaysAndOthersShareTheRest() {
    var descriptors = new DescriptorBudget(1024, OPEN);
    var set = listener(1).withMaxConnections(100);

    var shared = descriptors.share(List.of(set, listener(2), listener(3)));

    assertThat(shared.getFirst()).isEqualTo(set);
    assertThat(bound(shared.get(1))).isEqualTo(bound(shared.get(2))).isBetween(90, 140);
  }

  @Test
  void whatIsSetTooHighIsBoundedToo() {
    var descriptors = new DescriptorBudget(256, OPEN);
    var set = listener(1).withMaxConnections(10_000);

    var shared = descriptors.share(List.of(set, listener(2)));

    assertThat(bound(shared.getFirst())).isEqualTo(bound(shared.get(1))).isBetween(10, 25);
  }

  @Test
  void httpIsBoundedWhereThereAreFew() {
    assertThat(new DescriptorBudget(256, OPEN).share(HttpConfig.DEFAULT).maxConnections())
        .isEqualTo(16);
    assertThat(new DescriptorBudget(20_000, OPEN).share(HttpConfig.DEFAULT))
        .isEqualTo(HttpConfig.DEFAULT);
  }

  @Test
  void thisProcessHasALimitAndSomeInUse() {
    var own = DescriptorBudget.ofThisProcess().orElseThrow();
    assertThat(own.open()).isBetween(3L, own.limit());
  }
}
