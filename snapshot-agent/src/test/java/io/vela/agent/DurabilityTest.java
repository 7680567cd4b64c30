package io.vela.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.agent.postgres.Sandbox;
import io.vela.agent.storage.LoopMount;
import io.vela.config.Durability;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What is left of what was acknowledged when all processes of a branch are killed in the middle of
 * their work. What a crash of the host leaves is tried by {@code it/suites/durability}.
 */
@TestInstance(Lifecycle.PER_CLASS)
class DurabilityTest {
  private static final int KILLS = 6;
  private static final int WRITERS = 3;

  /** Enough that a commit which stays in Postgres's memory for a while is among them. */
  private static final int COMMITS = 100;

  private static final Source LEDGER =
      new Source.Empty(
          Sandbox.EIGHTEEN,
          List.of(
              new Source.Script(
                  "postgres", "CREATE TABLE ledger (writer int, n int, PRIMARY KEY (writer, n))")));

  private final List<ServiceFixture> fixtures = new ArrayList<>();

  @AfterAll
  void close() throws Exception {
    for (var fixture : fixtures) {
      fixture.service.close();
      fixture.sandbox.close();
    }
  }

  @ParameterizedTest
  @CsvSource({"copy,RELAXED", "copy,FULL", "btrfs,RELAXED", "btrfs,FULL"})
  void whatWasAcknowledgedIsFoundAfterPostgresWasKilled(String driver, Durability durability)
      throws Exception {
    var branch = branch(driver, durability);

    for (int kill = 0; kill < KILLS; kill++) {
      var acknowledged = branch.killedAtWork();

      var found = branch.found();
      for (int writer = 0; writer < WRITERS; writer++) {
        assertThat(found.get(writer))
            .as("kill %d, writer %d", kill, writer)
            .isBetween(acknowledged.get(writer), acknowledged.get(writer) + 1);
      }
    }
    branch.destroy();
  }

  @Test
  void asyncLosesOnlyTheEnd() throws Exception {
    var branch = branch("copy", Durability.ASYNC);

    for (int kill = 0; kill < KILLS; kill++) {
      var acknowledged = branch.killedAtWork();

      var found = branch.found();
      for (int writer = 0; writer < WRITERS; writer++) {
        assertThat(found.get(writer)).isLessThanOrEqualTo(acknowledged.get(writer) + 1);
      }
    }
    branch.destroy();
  }

  private Branch branch(String driver, Durability durability) throws Exception {
    if (driver.equals("btrfs")) {
      LoopMount.requireRoot("a loop-backed pool");
    }
    var fixture = new ServiceFixture(driver, new Sandbox(), "1MB");
    fixtures.add(fixture);
    var clone = CloneId.random();
    fixture.service.createClone(clone, fixture.snapshot(LEDGER).id());
    assertThat(fixture.service.durability(clone, durability))
        .isEqualTo(
            driver.equals("copy") && durability == Durability.RELAXED
                ? Durability.FULL
                : durability);
    return new Branch(fixture, clone, new InstanceSettings(durability, Sandbox.TIMEOUT, false));
  }

  private record Branch(ServiceFixture fixture, CloneId id, InstanceSettings settings) {
    private Connection connect() throws CloneException, SQLException {
      return switch (fixture.service.start(id, settings)) {
        case Endpoint.UnixSocket(var socket) ->
            DriverManager.getConnection(
                "jdbc:postgresql://localhost/postgres", Sandbox.socket(Path.of(socket)));
      };
    }

    /** For each writer the number of its last row that was acknowledged before Postgres ended. */
    List<Integer> killedAtWork() throws Exception {
      var begun = found();
      var acknowledged = begun.stream().map(AtomicInteger::new).toList();
      try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
        for (int writer = 0; writer < WRITERS; writer++) {
          int number = writer;
          var connection = connect();
          var _ = threads.submit(() -> write(connection, number, acknowledged.get(number)));
        }
        await()
            .atMost(Duration.ofMinutes(1))
            .pollInterval(Duration.ofMillis(1))
            .until(
                () ->
                    IntStream.range(0, WRITERS)
                        .allMatch(i -> acknowledged.get(i).get() >= begun.get(i) + COMMITS));
        fixture.service.stop(id, StopMode.KILL, Sandbox.TIMEOUT);
        threads.shutdown();
        assertThat(threads.awaitTermination(1, TimeUnit.MINUTES)).isTrue();
      }
      fixture.service.exit(id).toCompletableFuture().get(1, TimeUnit.MINUTES);
      return acknowledged.stream().map(AtomicInteger::get).toList();
    }

    private static void write(Connection connection, int writer, AtomicInteger acknowledged) {
      try (connection;
          var insert = connection.prepareStatement("INSERT INTO ledger VALUES (?, ?)")) {
        insert.setInt(1, writer);
        while (true) {
          insert.setInt(2, acknowledged.get() + 1);
          insert.execute();
          acknowledged.incrementAndGet();
        }
      } catch (SQLException e) {
        // Postgres is gone.
      }
    }

    /** For each writer the number of its last row; none before it is missing. */
    List<Integer> found() throws Exception {
      var rows = new ArrayList<>(Collections.nCopies(WRITERS, 0));
      try (var connection = connect();
          var statement = connection.createStatement();
          var found =
              statement.executeQuery(
                  "SELECT writer, count(*), max(n) FROM ledger GROUP BY writer")) {
        while (found.next()) {
          assertThat(found.getInt(2)).as("rows").isEqualTo(found.getInt(3));
          rows.set(found.getInt(1), found.getInt(3));
        }
      }
      return rows;
    }

    void destroy() throws CloneException {
      fixture.service.stop(id, StopMode.FAST, Sandbox.TIMEOUT);
      fixture.pool.unmount();
    }
  }
}
