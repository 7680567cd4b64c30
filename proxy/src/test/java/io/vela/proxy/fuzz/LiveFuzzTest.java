package io.vela.proxy.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.vela.proxy.differential.Unmeant;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** A proxy with a real Postgres behind it, under clients that send almost the right thing. */
class LiveFuzzTest {
  private static final int CLIENTS = 6;

  /** How long a client that behaves may wait for its row meanwhile. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  @Test
  void neitherLeaksNorFailsNorStops() throws Exception {
    var logged = new ListAppender<ILoggingEvent>();
    logged.start();
    var root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    root.addAppender(logged);
    long seed = Long.getLong("vela.fuzz.seed", System.nanoTime());
    try (var live = new Unmeant();
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      long end = System.nanoTime() + FuzzTime.slice().toNanos();
      List<Future<Long>> clients =
          IntStream.range(0, CLIENTS)
              .mapToObj(
                  number ->
                      threads.submit(
                          () -> {
                            var mutation = new Mutation(seed + number, Unmeant.seeds());
                            long rounds = 0;
                            while (System.nanoTime() < end) {
                              live.send(mutation.next(), rounds++);
                            }
                            return rounds;
                          }))
              .toList();
      while (System.nanoTime() < end) {
        long before = System.nanoTime();
        live.expectARow();
        assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(PATIENCE);
      }
      for (var client : clients) {
        assertThat(client.get()).as("seed %d", seed).isPositive();
      }
      await().atMost(Duration.ofSeconds(30)).until(live::isEmpty);
      assertThat(live.internalErrors()).as("seed %d", seed).isZero();
      // What leaks is noticed when it has been collected and another buffer is allocated.
      for (int i = 0; i < 5; i++) {
        System.gc();
        live.expectARow();
      }
    } finally {
      root.detachAppender(logged);
    }
    assertThat(logged.list)
        .filteredOn(event -> event.getLevel().isGreaterOrEqual(Level.WARN))
        .extracting(ILoggingEvent::getFormattedMessage)
        .as("seed %d", seed)
        .isEmpty();
  }
}
