package io.vela.agent.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.agent.exec.ProcessSignal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The state that Postgres 18 gets into by itself on a full disk is made by hand here: a postmaster
 * that does nothing, and no WAL writer. {@code HostDiskFullTest} meets the real one.
 */
class RecoveryWatchTest {
  private static final long PATIENCE = RecoveryWatch.PATIENCE.toNanos();

  private final Sandbox sandbox;

  RecoveryWatchTest() throws Exception {
    sandbox = new Sandbox();
  }

  @AfterEach
  void close() throws Exception {
    sandbox.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {Sandbox.FIFTEEN, Sandbox.EIGHTEEN})
  void oneThatNeitherRecoversNorServesIsStuckAfterAWhile(int major) throws Exception {
    var instance = sandbox.guarded(major, sandbox.cluster(major, "a"));
    var postmaster = postmaster(instance);
    var watch = new RecoveryWatch();
    assertThat(watch.isStuck(postmaster.pid(), 0)).isFalse();
    assertThat(watch.isStuck(postmaster.pid(), 2 * PATIENCE)).isFalse();

    hang(postmaster);

    assertThat(watch.isStuck(postmaster.pid(), 3 * PATIENCE)).isFalse();
    assertThat(watch.isStuck(postmaster.pid(), 4 * PATIENCE - 1)).isFalse();
    assertThat(watch.isStuck(postmaster.pid(), 4 * PATIENCE)).isTrue();
  }

  @Test
  void oneThatServesAgainIsNotStuck() throws Exception {
    var instance = sandbox.guarded(Sandbox.EIGHTEEN, sandbox.cluster(Sandbox.EIGHTEEN, "a"));
    var postmaster = postmaster(instance);
    var watch = new RecoveryWatch();
    hang(postmaster);
    assertThat(watch.isStuck(postmaster.pid(), 0)).isFalse();

    assertThat(ProcessSignal.CONT.send(postmaster)).isTrue();

    await().atMost(Sandbox.TIMEOUT).until(() -> children(postmaster).contains("walwriter"));
    assertThat(watch.isStuck(postmaster.pid(), PATIENCE)).isFalse();
    assertThat(watch.isStuck(postmaster.pid(), 2 * PATIENCE)).isFalse();
  }

  @Test
  void oneThatIsStuckIsEndedThoughItHeedsNoSignal() throws Exception {
    var instance = sandbox.guarded(Sandbox.EIGHTEEN, sandbox.cluster(Sandbox.EIGHTEEN, "a"));
    hang(postmaster(instance));

    await().atMost(Sandbox.TIMEOUT).until(() -> instance.endIfStuck(Duration.ofSeconds(1)));

    assertThat(instance.isRunning()).isFalse();
    assertThat(instance.ended().toCompletableFuture().join().requested()).isFalse();
  }

  /** Such as the shell that stays above a postmaster in namespaces. */
  @Test
  void aProcessThatIsNoPostmasterIsNotStuck() {
    var watch = new RecoveryWatch();
    long self = ProcessHandle.current().pid();
    assertThat(watch.isStuck(self, 0)).isFalse();
    assertThat(watch.isStuck(self, PATIENCE)).isFalse();
  }

  /** It can then not start a new WAL writer. */
  private static void hang(ProcessHandle postmaster) throws Exception {
    assertThat(ProcessSignal.STOP.send(postmaster)).isTrue();
    for (var child : postmaster.children().toList()) {
      if (title(child).contains("walwriter")) {
        child.destroyForcibly();
        await().atMost(Sandbox.TIMEOUT).until(() -> !title(child).contains("walwriter"));
        return;
      }
    }
    throw new AssertionError("no WAL writer among " + children(postmaster));
  }

  private static String children(ProcessHandle postmaster) {
    return String.join(",", postmaster.children().map(RecoveryWatchTest::title).toList());
  }

  private static String title(ProcessHandle process) {
    try {
      return Files.readString(Path.of("/proc/" + process.pid() + "/cmdline"));
    } catch (IOException e) {
      return "";
    }
  }

  /** It starts the WAL writer a moment after it has said that it is ready. */
  private static ProcessHandle postmaster(PostgresInstance instance) throws Exception {
    var pid = PostmasterFile.read(instance.files().data()).orElseThrow().pid();
    var postmaster = ProcessHandle.of(pid).orElseThrow();
    await().atMost(Sandbox.TIMEOUT).until(() -> children(postmaster).contains("walwriter"));
    return postmaster;
  }
}
