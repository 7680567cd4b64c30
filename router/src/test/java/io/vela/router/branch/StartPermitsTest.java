package io.vela.router.branch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class StartPermitsTest {
  private static final Instant NOON = Instant.parse("2026-11-22T12:00:00Z");
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final StartPermits permits = new StartPermits(1);

  @AfterEach
  void end() {
    threads.shutdownNow();
  }

  private Future<?> wait(Instant askedAt, Runnable then) {
    return threads.submit(
        () -> {
          permits.acquire(askedAt);
          then.run();
          return true;
        });
  }

  @Test
  void theEarlierGoesFirst() throws Exception {
    permits.acquire(NOON);
    assertThat(permits.areAmple()).isFalse();
    List<Integer> order = Collections.synchronizedList(new ArrayList<>());
    var all = new ArrayList<Future<?>>();
    for (int second : new int[] {3, 1, 2}) {
      all.add(
          wait(
              NOON.plusSeconds(second),
              () -> {
                order.add(second);
                permits.release();
              }));
    }
    await().until(() -> permits.waiting() == 3);
    permits.release();
    for (var task : all) {
      task.get();
    }
    assertThat(order).containsExactly(1, 2, 3);
    assertThat(permits.areAmple()).isTrue();
  }

  @Test
  void whoGivesUpLeavesHisTurnToTheNext() throws Exception {
    permits.acquire(NOON);
    var first = wait(NOON, () -> {});
    await().until(() -> permits.waiting() == 1);
    var second = wait(NOON.plusSeconds(1), () -> {});
    await().until(() -> permits.waiting() == 2);
    first.cancel(true);
    await().until(() -> permits.waiting() == 1);
    permits.release();
    second.get();
    assertThat(permits.waiting()).isZero();
  }

  @Test
  void moreLetInMoreAndFewerLetEnd() throws Exception {
    permits.acquire(NOON);
    var second = wait(NOON, () -> {});
    await().until(() -> permits.waiting() == 1);
    permits.resize(2);
    second.get();
    permits.resize(1);
    permits.release();
    var third = wait(NOON, () -> {});
    await().until(() -> permits.waiting() == 1);
    assertThat(third.isDone()).isFalse();
    permits.release();
    third.get();
  }

  @Test
  void workThatNobodyWaitsForGivesWay() throws Exception {
    permits.resize(16);
    for (int held = 0; held < 4; held++) {
      assertThat(permits.areAmple()).isTrue();
      permits.acquire(NOON);
    }
    assertThat(permits.areAmple()).isFalse();
  }
}
