package io.vela.proxy.relay;

import static java.util.concurrent.TimeUnit.MICROSECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.embedded.EmbeddedChannel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A pause ends by itself, and never opens a gate that was closed for want of room. */
final class ReadGateTest {
  private static final long PAUSE_MICROS = 50;

  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final ReadGate gate = new ReadGate(channel);

  @BeforeEach
  void freeze() {
    channel.freezeTime();
  }

  private void pause() {
    gate.pause(MICROSECONDS.toNanos(PAUSE_MICROS));
  }

  private boolean isReadAfter(long micros) {
    channel.advanceTimeBy(micros, MICROSECONDS);
    channel.runScheduledPendingTasks();
    return channel.config().isAutoRead();
  }

  @Test
  void aPauseEnds() {
    pause();

    assertThat(isReadAfter(PAUSE_MICROS - 1)).isFalse();
    assertThat(isReadAfter(1)).isTrue();
  }

  @Test
  void whatIsOpenedInAPauseIsReadAtOnce() {
    pause();
    gate.open();

    assertThat(channel.config().isAutoRead()).isTrue();
  }

  @Test
  void theEndOfAPauseLeavesAGateThatWasClosedSince() {
    pause();
    gate.open();
    gate.close();

    assertThat(isReadAfter(2 * PAUSE_MICROS)).isFalse();
  }

  @Test
  void aClosedGateIsNotPaused() {
    gate.close();
    pause();

    assertThat(isReadAfter(2 * PAUSE_MICROS)).isFalse();
  }

  @Test
  void whoTakesOverIsNotDisturbedByTheEndOfAPause() {
    pause();
    gate.open();
    channel.config().setAutoRead(false);

    assertThat(isReadAfter(2 * PAUSE_MICROS)).isFalse();
  }
}
