package io.vela.cli.up;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
final class StartupTasksTest {
  @Test
  void worksGoOnAtTheSameTime() throws Exception {
    var first = new CountDownLatch(1);
    var second = new CountDownLatch(1);

    try (var beside = new StartupTasks()) {
      var one =
          beside.begin(
              () -> {
                first.countDown();
                second.await();
                return 1;
              });
      var two =
          beside.begin(
              () -> {
                second.countDown();
                first.await();
                return 2;
              });

      assertThat(StartupTasks.result(one) + StartupTasks.result(two)).isEqualTo(3);
    }
  }

  @Test
  void aFailureIsThrownAsItWas() {
    var failure = new IOException("no space");

    try (var beside = new StartupTasks()) {
      var work =
          beside.begin(
              () -> {
                throw failure;
              });

      assertThatThrownBy(() -> StartupTasks.result(work)).isSameAs(failure);
    }
  }

  @Test
  void whatStillGoesOnIsInterruptedAndAwaited() throws Exception {
    var begun = new CountDownLatch(1);
    var cleared = new AtomicBoolean();

    try (var beside = new StartupTasks()) {
      var work =
          beside.begin(
              () -> {
                try {
                  begun.countDown();
                  new CountDownLatch(1).await();
                  return 0;
                } finally {
                  cleared.set(true);
                }
              });
      begun.await();
      assertThat(work.isDone()).isFalse();
    }

    assertThat(cleared).isTrue();
  }
}
