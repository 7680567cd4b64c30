package io.vela.proxy.cancel;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.agent.Endpoint;
import io.vela.proxy.cancel.CancelRegistry.Destination;
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
    assertThat(registry.claim(one.clientKey()).orElseThrow().destination())
        .isEqualTo(new Destination.Backend(key(7, 4), ONE));
    assertThat(registry.claim(two.clientKey()).orElseThrow().destination())
        .isEqualTo(new Destination.Backend(key(7, 4), TWO));
  }

  @Test
  void theBackendsOwnKeyIsGoodForNothing() {
    registry.register(key(7, 4), ONE);
    assertThat(registry.claim(key(7, 4))).isEmpty();
  }

  @Test
  void aKeyEndsWithItsSession() {
    var one = registry.register(key(7, 4), ONE);
    var two = registry.register(key(7, 4), TWO);
    one.close();
    one.close();
    assertThat(registry.claim(one.clientKey())).isEmpty();
    assertThat(registry.claim(two.clientKey())).isPresent();
    two.close();
    assertThat(registry.size()).isZero();
  }

  @Test
  void aRequestUnderWayWhenItsSessionEndsIsNotGoodAnyMore() {
    var registration = registry.register(key(7, 4), ONE);
    var claim = registry.claim(registration.clientKey()).orElseThrow();
    assertThat(claim.isGood()).isTrue();
    registration.close();
    assertThat(claim.isGood()).isFalse();
  }

  @Test
  void aBackendIsFreeForOthersOnlyWhenNoRequestIsUnderWay() {
    var registration = registry.register(key(7, 4), ONE);
    var settled = registration.settled().toCompletableFuture();
    var first = registry.claim(registration.clientKey()).orElseThrow();
    var second = registry.claim(registration.clientKey()).orElseThrow();
    registration.close();
    first.close();
    first.close();
    assertThat(settled).isNotDone();
    second.close();
    assertThat(settled).isDone();
  }

  @Test
  void aKeyOutlivesItsBackendAndThenEndsTheWaitForAnother() {
    var registration = registry.register(key(7, 4), ONE);
    var before = registry.claim(registration.clientKey()).orElseThrow();
    var waiting = new Destination.Waiting(() -> {});
    registration.lead(waiting);
    assertThat(before.isGood()).isFalse();
    var now = registry.claim(registration.clientKey()).orElseThrow();
    assertThat(now.destination()).isSameAs(waiting);
    assertThat(now.isGood()).isTrue();
  }
}
