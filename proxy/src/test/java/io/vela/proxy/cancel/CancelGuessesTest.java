package io.vela.proxy.cancel;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class CancelGuessesTest {
  private final AtomicReference<Instant> now = new AtomicReference<>(Instant.EPOCH);
  private final CancelGuesses guesses = new CancelGuesses(now::get);

  private static Optional<InetAddress> address(String literal) throws Exception {
    return Optional.of(InetAddress.getByName(literal));
  }

  private void guess(Optional<InetAddress> from) {
    for (int i = 0; i < CancelGuesses.LIMIT; i++) {
      assertThat(guesses.isBlocked(from)).isFalse();
      guesses.wrong(from);
    }
  }

  @Test
  void whoGuessesIsNotListenedToForAWhile() throws Exception {
    guess(address("192.0.2.1"));
    assertThat(guesses.isBlocked(address("192.0.2.1"))).isTrue();
    assertThat(guesses.isBlocked(address("192.0.2.2"))).isFalse();
    now.set(Instant.EPOCH.plus(CancelGuesses.WINDOW));
    assertThat(guesses.isBlocked(address("192.0.2.1"))).isFalse();
  }

  @Test
  void anotherAddressOfTheSameIpv6NetworkIsTheSameGuesser() throws Exception {
    guess(address("2001:db8::1"));
    assertThat(guesses.isBlocked(address("2001:db8::2"))).isTrue();
    assertThat(guesses.isBlocked(address("2001:db8:0:1::1"))).isFalse();
  }
}
