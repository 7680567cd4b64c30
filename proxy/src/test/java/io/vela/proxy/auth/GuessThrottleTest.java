package io.vela.proxy.auth;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.proxy.auth.GuessThrottle.Attempt;
import io.vela.proxy.auth.GuessThrottle.Permit;
import io.vela.proxy.auth.GuessThrottle.Verdict;
import io.vela.proxy.guess.Time;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class GuessThrottleTest {
  /** How many of one account may wait. */
  private static final int QUEUE = 80;

  private final Time time = new Time();
  private final GuessThrottle throttle = new GuessThrottle(time, time);

  private static Attempt attempt(String address, String user, String branch) {
    return Attempt.of(Optional.of(InetAddress.ofLiteral(address)), user, branch);
  }

  private static Permit turn(CompletableFuture<Verdict> verdict) {
    assertThat(verdict).isDone();
    assertThat(verdict.join()).isInstanceOf(Verdict.MayTry.class);
    return ((Verdict.MayTry) verdict.join()).turn();
  }

  /** Whether an attempt would have its turn at once. */
  private boolean isFree(Attempt attempt) {
    var verdict = throttle.admit(attempt);
    if (verdict.isDone() && verdict.join() instanceof Verdict.MayTry(var turn)) {
      turn.giveBack();
      return true;
    }
    verdict.cancel(false);
    return false;
  }

  /** Guesses wrong as often as it is let; how often that was. */
  private int guess(Attempt attempt) {
    int guesses = 0;
    var verdict = throttle.admit(attempt);
    while (verdict.isDone() && verdict.join() instanceof Verdict.MayTry(var turn)) {
      guesses++;
      var _ = turn.wrong();
      verdict = throttle.admit(attempt);
    }
    verdict.cancel(false);
    return guesses;
  }

  @Test
  void whoIsRightIsNeverHeldBack() {
    var attempt = attempt("192.0.2.1", "app", "@pr-1");
    for (int i = 0; i < 10_000; i++) {
      turn(throttle.admit(attempt)).right();
    }
  }

  @Test
  void eachFailureMakesTheNextAnswerToAWrongOneLater() {
    var attempt = attempt("192.0.2.1", "app", "@pr-1");
    var waits = new ArrayList<Duration>();
    for (int i = 0; i < 14; i++) {
      waits.add(turn(throttle.admit(attempt)).wrong());
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
  void whoeverIsRightWaitsForThoseAheadOnlyAndForTenSecondsAtMost() {
    var attempt = attempt("192.0.2.1", "app", "@pr-1");
    guess(attempt);
    var guesses = new ArrayList<CompletableFuture<Verdict>>();
    for (int i = 0; i < QUEUE - 1; i++) {
      guesses.add(throttle.admit(attempt));
    }
    var owner = throttle.admit(attempt);
    assertThat(throttle.admit(attempt)).isCompletedWithValue(new Verdict.Refused());

    // Those ahead are wrong as soon as it is verified.
    for (var one : guesses) {
      var _ = one.thenAccept(verdict -> ((Verdict.MayTry) verdict).turn().wrong());
    }
    time.pass(Duration.ofSeconds(12));

    turn(owner).right();
  }

  @Test
  void anAttackerWithAnyNumberOfConnectionsGetsEightAnswersASecond() {
    var attempt = attempt("192.0.2.1", "app", "@pr-1");
    int guesses = 0;
    for (int tenth = 0; tenth < 600; tenth++) {
      guesses += guess(attempt);
      // The owner logs in all the while; that clears nothing for the attacker.
      if (isFree(attempt)) {
        turn(throttle.admit(attempt)).right();
      }
      time.pass(Duration.ofMillis(100));
    }
    assertThat(guesses).isBetween(400, 550);
  }

  @Test
  void timeClearsIt() {
    var attempt = attempt("192.0.2.1", "app", "@pr-1");
    guess(attempt);
    assertThat(isFree(attempt)).isFalse();
    time.pass(Duration.ofMinutes(11));
    assertThat(turn(throttle.admit(attempt)).wrong()).isZero();
  }

  @Test
  void aFloodOnOneBranchSlowsNeitherOtherBranchesNorOtherAddresses() {
    for (int i = 0; i < 600; i++) {
      guess(attempt("192.0.2.1", "app", "@pr-1"));
      time.pass(Duration.ofMillis(100));
    }
    guess(attempt("192.0.2.1", "app", "@pr-1"));
    assertThat(isFree(attempt("192.0.2.1", "app", "@pr-1"))).isFalse();
    assertThat(isFree(attempt("192.0.2.1", "app", "@pr-2"))).isTrue();
    assertThat(isFree(attempt("192.0.2.1", "ci", "@pr-1"))).isTrue();
    assertThat(isFree(attempt("192.0.2.2", "app", "@pr-1"))).isTrue();
  }

  @Test
  void onePasswordTriedOnManyRolesIsSlowedButNotForThoseWhoGotInLately() {
    var known = attempt("192.0.2.1", "known", "@pr-1");
    turn(throttle.admit(known)).right();
    int user = 0;
    while (isFree(attempt("192.0.2.1", "user" + user, "@pr-1"))) {
      var _ = turn(throttle.admit(attempt("192.0.2.1", "user" + user, "@pr-1"))).wrong();
      user++;
    }
    assertThat(user).isBetween(50, 60);
    assertThat(isFree(known)).isTrue();
    assertThat(isFree(attempt("192.0.2.9", "next", "@pr-1"))).isTrue();
  }

  @Test
  void whoLeavesWhileWaitingTakesNoPlace() {
    var first = attempt("192.0.2.1", "app", "@pr-1");
    guess(first);
    for (int i = 0; i < 10 * QUEUE; i++) {
      throttle.admit(first).cancel(false);
    }
    var owner = throttle.admit(first);
    time.pass(Duration.ofSeconds(5));
    turn(owner).right();
  }

  @Test
  void anIpv6ClientIsItsWholeNetwork() {
    guess(attempt("2001:db8::1", "app", "@pr-1"));
    assertThat(isFree(attempt("2001:db8::ffff", "app", "@pr-1"))).isFalse();
    assertThat(isFree(attempt("2001:db8:0:1::1", "app", "@pr-1"))).isTrue();
  }

  @Test
  void aLongNameTakesNoMoreMemoryThanPostgresWouldRead() {
    var longest = attempt("192.0.2.1", "x".repeat(63), "");
    assertThat(attempt("192.0.2.1", "x".repeat(64), "")).isEqualTo(longest);
    assertThat(attempt("192.0.2.1", "x".repeat(9000), "")).isEqualTo(longest);
    assertThat(attempt("192.0.2.1", "é".repeat(9000), "b".repeat(9000)).account())
        .hasSizeLessThan(300);
  }
}
