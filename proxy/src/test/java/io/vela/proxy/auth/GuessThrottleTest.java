package io.vela.proxy.auth;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.proxy.auth.GuessThrottle.Attempt;
import io.vela.proxy.auth.GuessThrottle.Verdict;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class GuessThrottleTest {
  private final AtomicLong now = new AtomicLong();
  private final GuessThrottle throttle = new GuessThrottle(now::get);

  private static Attempt attempt(String address, String user, String branch) {
    return Attempt.of(Optional.of(InetAddress.ofLiteral(address)), user, branch);
  }

  private void pass(Duration time) {
    now.addAndGet(time.toNanos());
  }

  private void fail(Attempt attempt, int times) {
    for (int i = 0; i < times; i++) {
      throttle.failed(attempt);
    }
  }

  private static Duration time(Verdict verdict) {
    return switch (verdict) {
      case Verdict.Now _ -> Duration.ZERO;
      case Verdict.After(var time) -> time;
      case Verdict.Refused _ -> Duration.ofDays(1);
    };
  }

  @Test
  void whoNeverFailedIsNeverHeldBack() {
    var attempt = attempt("192.0.2.1", "app", "@pr-1");
    for (int i = 0; i < 10_000; i++) {
      assertThat(throttle.admit(attempt)).isEqualTo(new Verdict.Now());
    }
  }

  @Test
  void eachFailureMakesTheNextAnswerLater() {
    var attempt = attempt("192.0.2.1", "app", "@pr-1");
    var waits = new ArrayList<Duration>();
    for (int i = 0; i < 14; i++) {
      var wait = time(throttle.admit(attempt));
      waits.add(wait);
      throttle.failed(attempt);
      pass(wait);
    }
    assertThat(waits.subList(0, 5)).containsOnly(Duration.ZERO);
    assertThat(waits.subList(5, 12))
        .containsExactly(
            Duration.ofMillis(100),
            Duration.ofMillis(200),
            Duration.ofMillis(400),
            Duration.ofMillis(800),
            Duration.ofMillis(1600),
            Duration.ofMillis(3200),
            Duration.ofSeconds(4));
    assertThat(waits.subList(12, 14)).containsOnly(Duration.ofSeconds(4));
  }

  @Test
  void thoseWhoGuessAtTheSameTimeQueueAndTheQueueIsShort() {
    var attempt = attempt("192.0.2.1", "app", "@pr-1");
    fail(attempt, 8); // 800 ms each
    var waits = new ArrayList<Duration>();
    for (int i = 0; i < 1000; i++) {
      waits.add(time(throttle.admit(attempt)));
    }
    assertThat(waits.subList(0, 6)).isSorted().doesNotHaveDuplicates();
    assertThat(waits.subList(6, 1000)).containsOnly(Duration.ofDays(1));
  }

  @Test
  void successAndTimeClearIt() {
    var attempt = attempt("192.0.2.1", "app", "@pr-1");
    fail(attempt, 20);
    throttle.succeeded(attempt);
    assertThat(throttle.admit(attempt)).isEqualTo(new Verdict.Now());
    fail(attempt, 20);
    pass(Duration.ofMinutes(11));
    assertThat(throttle.admit(attempt)).isEqualTo(new Verdict.Now());
  }

  @Test
  void aFloodOnOneBranchSlowsNeitherOtherBranchesNorOtherAddresses() {
    fail(attempt("192.0.2.1", "app", "@pr-1"), 100_000);
    assertThat(throttle.admit(attempt("192.0.2.1", "app", "@pr-2"))).isEqualTo(new Verdict.Now());
    assertThat(throttle.admit(attempt("192.0.2.1", "ci", "@pr-1"))).isEqualTo(new Verdict.Now());
    assertThat(throttle.admit(attempt("192.0.2.2", "app", "@pr-1"))).isEqualTo(new Verdict.Now());
  }

  @Test
  void onePasswordTriedOnManyRolesIsSlowedButNotForThoseWhoGotInLately() {
    var known = attempt("192.0.2.1", "known", "@pr-1");
    throttle.succeeded(known);
    for (int i = 0; i < 60; i++) {
      throttle.failed(attempt("192.0.2.1", "user" + i, "@pr-1"));
    }
    assertThat(time(throttle.admit(attempt("192.0.2.1", "next", "@pr-1")))).isPositive();
    assertThat(throttle.admit(known)).isEqualTo(new Verdict.Now());
    assertThat(throttle.admit(attempt("192.0.2.9", "next", "@pr-1"))).isEqualTo(new Verdict.Now());
  }

  @Test
  void anIpv6ClientIsItsWholeNetwork() {
    fail(attempt("2001:db8::1", "app", "@pr-1"), 20);
    assertThat(time(throttle.admit(attempt("2001:db8::ffff", "app", "@pr-1")))).isPositive();
    assertThat(throttle.admit(attempt("2001:db8:0:1::1", "app", "@pr-1")))
        .isEqualTo(new Verdict.Now());
  }

  @Test
  void aLongNameTakesNoMoreMemoryThanPostgresWouldRead() {
    assertThat(attempt("192.0.2.1", "x".repeat(9000), "").account()).hasSize(65);
  }
}
