package io.vela.proxy.cancel;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.agent.Endpoint;
import io.vela.proxy.wire.CancelKey;
import java.security.SecureRandom;
import org.junit.jupiter.api.Test;

class CancelRegistryTest {
  private static final Endpoint ONE = new Endpoint.UnixSocket("/one");
  private static final Endpoint TWO = new Endpoint.UnixSocket("/two");

  private final CancelRegistry registry = new CancelRegistry(new SecureRandom());

  private static CancelKey key(int pid, int length) {
    return new CancelKey(pid, new byte[length]);
  }

  @Test
  void aKeyKeepsTheProcessIdAndTheLengthButNotTheSecret() {
    for (var length : new int[] {4, 32, 256}) {
      var registration = registry.register(key(7, length), ONE);
      assertThat(registration.clientKey().processId()).isEqualTo(7);
      assertThat(registration.clientKey().secret()).hasSize(length).isNotEqualTo(new byte[length]);
    }
  }

  @Test
  void twoInstancesMayUseOneProcessId() {
    var one = registry.register(key(7, 4), ONE);
    var two = registry.register(key(7, 4), TWO);
    assertThat(registry.find(one.clientKey()).orElseThrow().endpoint()).isEqualTo(ONE);
    assertThat(registry.find(two.clientKey()).orElseThrow().endpoint()).isEqualTo(TWO);
    assertThat(registry.find(one.clientKey()).orElseThrow().key()).isEqualTo(key(7, 4));
  }

  @Test
  void theBackendsOwnKeyIsGoodForNothing() {
    registry.register(key(7, 4), ONE);
    assertThat(registry.find(key(7, 4))).isEmpty();
  }

  @Test
  void aKeyEndsWithItsSession() {
    var one = registry.register(key(7, 4), ONE);
    var two = registry.register(key(7, 4), TWO);
    one.close();
    one.close();
    assertThat(registry.find(one.clientKey())).isEmpty();
    assertThat(registry.find(two.clientKey())).isPresent();
    two.close();
    assertThat(registry.size()).isZero();
  }
}
