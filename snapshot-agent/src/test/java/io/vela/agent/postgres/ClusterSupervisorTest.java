package io.vela.agent.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StartFailed;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class ClusterSupervisorTest {
  private static final Duration BOUND = Duration.ofSeconds(30);

  private final Sandbox sandbox;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Path folder;
  private final LocalCluster first;

  ClusterSupervisorTest() throws Exception {
    sandbox = new Sandbox();
    folder = sandbox.folder("catalog");
    first = open();
  }

  @AfterEach
  void close() throws Exception {
    threads.shutdownNow();
    sandbox.close();
  }

  private LocalCluster open() throws CloneException, InterruptedException {
    return LocalCluster.open(
        folder,
        sandbox.root().resolve("run"),
        sandbox.binaries().installation(Sandbox.EIGHTEEN),
        sandbox.user(),
        Sandbox.TIMEOUT);
  }

  private ClusterSupervisor watch(Callable<LocalCluster> opening) {
    return ClusterSupervisor.watch("catalogue", first, opening, Sandbox.TIMEOUT, threads);
  }

  private void kill() throws Exception {
    var data = folder.resolve("data");
    var serving = RunningProcesses.list().stream().filter(p -> p.serves(data)).toList();
    assertThat(serving).isNotEmpty();
    serving.forEach(process -> process.handle().destroyForcibly());
  }

  private int query(String sql) throws Exception {
    try (var session =
            DriverManager.getConnection(
                "jdbc:postgresql://localhost/postgres",
                Sandbox.socket(Path.of(first.endpoint().socket())));
        var statement = session.createStatement()) {
      statement.execute(sql);
      try (var rows = statement.getResultSet()) {
        return rows != null && rows.next() ? rows.getInt(1) : 0;
      }
    }
  }

  @Test
  void aServerThatIsKilledIsStartedAgainWithWhatItHad() throws Exception {
    var supervisor = watch(this::open);
    query("CREATE TABLE kept AS SELECT 7 AS i");
    for (int i = 1; i <= 2; i++) {
      int restarts = i;

      kill();

      await().atMost(BOUND).until(() -> supervisor.restarts() == restarts);
      assertThat(supervisor.trouble()).isEmpty();
      assertThat(query("SELECT i FROM kept")).isEqualTo(7);
    }
    supervisor.stop();
  }

  @Test
  void aServerThatDoesNotStartIsTriedAgainAndItsTroubleTold() throws Exception {
    var tries = new AtomicInteger();
    var mayStart = new AtomicInteger();
    var supervisor =
        watch(
            () -> {
              tries.incrementAndGet();
              if (mayStart.get() == 0) {
                throw new CloneException(new StartFailed("it does not start", "for a test"));
              }
              return open();
            });

    kill();

    await().atMost(BOUND).until(() -> tries.get() >= 3);
    assertThat(supervisor.trouble()).contains("its server has ended and does not start");
    mayStart.set(1);
    await().atMost(BOUND).until(() -> supervisor.trouble().isEmpty());
    assertThat(query("SELECT 3")).isEqualTo(3);
    supervisor.stop();
  }

  @Test
  void onceStoppedItStaysStopped() throws Exception {
    var supervisor = watch(this::open);

    supervisor.stop();

    assertThat(new DataDirectory(folder.resolve("data")).isShutDown()).isTrue();
    assertThat(folder.resolve("data/postmaster.pid")).doesNotExist();
    assertThat(supervisor.restarts()).isZero();
  }

  @Test
  void aStopWhileItIsBeingStartedAgainLeavesNothingThatRuns() throws Exception {
    var starting = new java.util.concurrent.CountDownLatch(1);
    var supervisor =
        watch(
            () -> {
              var cluster = open();
              starting.countDown();
              return cluster;
            });

    kill();
    starting.await();
    supervisor.stop();

    await().atMost(BOUND).until(() -> Files.notExists(folder.resolve("data/postmaster.pid")));
  }
}
