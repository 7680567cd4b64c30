package io.vela.proxy.guess;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class GuessLimiterTest {
  private static final GuessLimit PACE =
      new GuessLimit(2, Duration.ofMillis(100), Duration.ofSeconds(1), 3, 4);

  private final Time time = new Time();
  private final GuessLimiter<String> turnstile = new GuessLimiter<>(PACE, 100, time, time);

  private GuessLimiter<String>.Permit now(
      Optional<CompletableFuture<GuessLimiter<String>.Permit>> entered) {
    assertThat(entered).isPresent();
    assertThat(entered.get()).isDone();
    return entered.get().join();
  }

  /** Guesses wrong until no place is left. */
  private void occupy(String origin) {
    for (int i = 0; i < PACE.free() + PACE.places(); i++) {
      var _ = now(turnstile.enter(origin)).wrong();
    }
  }

  @Test
  void whoIsRightNeverWaitsForHimself() {
    for (int i = 0; i < 1000; i++) {
      now(turnstile.enter("a")).giveBack();
    }
  }

  @Test
  void eachWrongGuessKeepsItsPlaceForLongerUpToABound() {
    var penalties = new ArrayList<Duration>();
    for (int i = 0; i < 8; i++) {
      var penalty = now(turnstile.enter("a")).wrong();
      penalties.add(penalty.time());
      time.pass(penalty.time());
    }
    assertThat(penalties)
        .containsExactly(
            Duration.ZERO,
            Duration.ZERO,
            Duration.ofMillis(100),
            Duration.ofMillis(200),
            Duration.ofMillis(400),
            Duration.ofMillis(800),
            Duration.ofSeconds(1),
            Duration.ofSeconds(1));
  }

  @Test
  void whoeverComesWhileAllPlacesAreTakenIsServedInTurn() {
    occupy("a");
    var waiting = new ArrayList<CompletableFuture<GuessLimiter<String>.Permit>>();
    for (int i = 0; i < PACE.queue(); i++) {
      waiting.add(turnstile.enter("a").orElseThrow());
    }
    assertThat(turnstile.enter("a")).as("too many wait").isEmpty();
    assertThat(waiting).noneMatch(CompletableFuture::isDone);

    time.pass(Duration.ofMillis(100));

    assertThat(waiting.stream().map(CompletableFuture::isDone).toList())
        .isEqualTo(List.of(true, false, false, false));
    waiting.getFirst().join().giveBack();
    assertThat(waiting.get(1)).as("a right guess gives its place on at once").isDone();
    assertThat(waiting.get(2)).isNotDone();
    assertThat(turnstile.enter("b").orElseThrow()).as("others are not in the way").isDone();
  }

  @Test
  void whoGivesUpLeavesTheQueue() {
    occupy("a");
    var waiting = new ArrayList<CompletableFuture<GuessLimiter<String>.Permit>>();
    for (int i = 0; i < PACE.queue(); i++) {
      waiting.add(turnstile.enter("a").orElseThrow());
    }
    waiting.getFirst().cancel(false);

    var last = turnstile.enter("a");

    assertThat(last).isPresent();
    time.pass(Duration.ofMillis(100));
    assertThat(waiting.get(1)).isDone();
    assertThat(last.get()).isNotDone();
  }

  @Test
  void inTheLongRunItIsThePlacesInTheLongestPenalty() {
    var wrong = new ArrayList<Duration>();
    for (int step = 0; step < 600; step++) {
      var entered = turnstile.enter("a").orElseThrow();
      while (entered.isDone()) {
        wrong.add(entered.join().wrong().time());
        entered = turnstile.enter("a").orElseThrow();
      }
      entered.cancel(false);
      time.pass(Duration.ofMillis(100));
    }
    // Of a minute; the first few come cheaper.
    assertThat(wrong).hasSizeBetween(150, 3 * 60 + 20);
  }

  @Test
  void whatWasWrongIsForgottenAfterAWhile() {
    occupy("a");
    time.pass(Duration.ofMinutes(11));
    assertThat(now(turnstile.enter("a")).wrong())
        .isEqualTo(new GuessLimiter.Penalty(1, Duration.ZERO));
  }
}
