package io.vela.proxy.cancel;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.proxy.guess.Time;
import io.vela.proxy.wire.CancelKey;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class CancelGuessesTest {
  private final Time time = new Time();
  private final CancelGuesses guesses = new CancelGuesses(time, time);

  private static Optional<InetAddress> address(String literal) {
    return Optional.of(InetAddress.ofLiteral(literal));
  }

  private boolean isFree(String address) {
    var entered = guesses.enter(address(address)).orElseThrow();
    boolean free = entered.isDone();
    var _ = entered.thenAccept(CancelGuesses.Permit::right);
    return free;
  }

  /** Guesses as often as it is let, and once more; how often that was. */
  private int guess(String address) {
    int wrong = 0;
    while (isFree(address)) {
      guesses.enter(address(address)).orElseThrow().join().wrong();
      wrong++;
    }
    return wrong;
  }

  @Test
  void aRightKeyFromAnAddressThatGuessesWaitsForThoseAheadOfIt() {
    guess("192.0.2.1");
    var ahead = new ArrayList<CompletableFuture<CancelGuesses.Permit>>();
    for (int i = 0; i < CancelGuesses.PACE.queue() - 2; i++) {
      ahead.add(guesses.enter(address("192.0.2.1")).orElseThrow());
    }
    var right = guesses.enter(address("192.0.2.1")).orElseThrow();
    for (var one : ahead) {
      var _ = one.thenAccept(CancelGuesses.Permit::wrong);
    }

    time.pass(Duration.ofSeconds(11));

    assertThat(right).isDone();
  }

  @Test
  void anAddressHasThirtyTwoGuessesASecond() {
    int wrong = 0;
    for (int second = 0; second < 60; second++) {
      wrong += guess("192.0.2.1");
      time.pass(Duration.ofSeconds(1));
    }
    assertThat(wrong).isBetween(20 * 60, 33 * 60);
    assertThat(isFree("192.0.2.2")).isTrue();
  }

  @Test
  void anotherAddressOfTheSameIpv6NetworkIsTheSameGuesser() {
    guess("2001:db8::1");
    assertThat(isFree("2001:db8::2")).isFalse();
    assertThat(isFree("2001:db8:0:1::1")).isTrue();
  }

  @Test
  void keysThatNobodyGuessesAreNotHeldBack() {
    assertThat(guesses.isGuessable(new CancelKey(1, new byte[4]))).isTrue();
    assertThat(guesses.isGuessable(new CancelKey(1, new byte[32]))).isFalse();
  }
}
