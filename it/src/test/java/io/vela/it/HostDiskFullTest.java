package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.it.support.Machine;
import io.vela.it.support.Run;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The disk under a pool in a file runs full while branches write, and gets room again: everything
 * comes back, with each row whose commit was acknowledged.
 */
final class HostDiskFullTest {
  private static final List<String> BRANCHES = List.of("one", "two");
  private static final Duration LIMIT = Duration.ofMinutes(2);

  private Scratch scratch;
  private Path host;
  private Path config;

  @BeforeEach
  void aSmallDisk() throws IOException {
    Assumptions.assumeTrue(Machine.isRoot(), "needs root: a disk of its own");
    scratch = new Scratch();
    host = Files.createDirectory(scratch.folder().resolve("host"));
    var disk = scratch.folder().resolve("disk");
    Run.program("truncate", "--size=900M", disk.toString()).text();
    Run.program("mkfs.ext4", "-q", disk.toString()).text();
    Run.program("mount", "-o", "loop", disk.toString(), host.toString()).text();
    config =
        Files.writeString(
            scratch.folder().resolve("vela.yaml"),
            """
            listen: [{address: "127.0.0.1:0"}]
            pool: {loop-size: 2GB, reserve: 32MB}
            baselines: {main: {branches: {durability: full, suspend-after: 10min}}}
            """);
  }

  @AfterEach
  void clean() throws Exception {
    if (scratch != null) {
      scratch.close();
    }
  }

  @Test
  void allAcknowledgedRowsAreThereWhenThereIsRoomAgain() throws Exception {
    var data = host.resolve("data");
    try (var vela = Vela.startAsConfigured(data, config)) {
      for (var branch : BRANCHES) {
        execute(vela, branch, "CREATE TABLE ledger (n int, filler text)");
      }
      var writing = new AtomicBoolean(true);
      var ledgers = writers(vela, writing);
      await().atMost(LIMIT).until(() -> ledgers.values().stream().allMatch(Ledger::isLong));

      fill();
      // Whatever it is that gives in first, a write fails, and Vela says that there is no room.
      await().atMost(LIMIT).until(() -> !problem(vela).isEmpty());
      await().atMost(LIMIT).until(() -> ledgers.values().stream().anyMatch(Ledger::failed));
      Files.delete(host.resolve("filler"));

      await().atMost(LIMIT).until(() -> writable(vela) && problem(vela).isEmpty());
      writing.set(false);
      for (var ledger : ledgers.entrySet()) {
        var acknowledged = ledger.getValue().done().join();
        await()
            .atMost(LIMIT)
            .ignoreExceptionsInstanceOf(SQLException.class)
            .untilAsserted(() -> assertThat(rows(vela, ledger.getKey())).containsAll(acknowledged));
      }
      execute(vela, "three", "CREATE TABLE t AS SELECT 1");
      assertThat(vela.cli("branch", "delete", "three", "--force").code()).isZero();
    }
  }

  @Test
  void upFindsItsPoolWhenTheDiskRanFullUnderAKilledVela() throws Exception {
    var data = host.resolve("data");
    Set<Integer> acknowledged;
    try (var vela = Vela.startAsConfigured(data, config)) {
      execute(vela, "one", "CREATE TABLE ledger (n int, filler text)");
      execute(vela, "one", "INSERT INTO ledger SELECT i FROM generate_series(1, 1000) i");
      acknowledged = rows(vela, "one");
      vela.kill();
    }
    // What btrfs does by itself when its disk fails under it; a server that writes is in the way.
    endServers(data.resolve("pool/clones"));
    await()
        .atMost(LIMIT)
        .until(
            () ->
                Run.program("mount", "-o", "remount,ro", data.resolve("pool").toString()).code()
                    == 0);

    fill();
    assertThatThrownBy(() -> Vela.startAsConfigured(data, config))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("can only be read")
        .hasMessageContaining("make room");
    Files.delete(host.resolve("filler"));

    try (var vela = Vela.startAsConfigured(data, config)) {
      assertThat(rows(vela, "one")).isEqualTo(acknowledged).hasSize(1000);
      execute(vela, "two", "CREATE TABLE t AS SELECT 1");
    }
  }

  private static void endServers(Path volumes) {
    var servers =
        ProcessHandle.allProcesses()
            .filter(
                process ->
                    process
                        .info()
                        .arguments()
                        .filter(words -> String.join(" ", words).contains(volumes + "/"))
                        .isPresent())
            .toList();
    assertThat(servers).isNotEmpty();
    for (var server : servers) {
      server.destroyForcibly();
      server.onExit().join();
    }
  }

  private void fill() {
    // It takes what there is; that it wanted more is the point.
    var _ =
        Run.program("dd", "if=/dev/zero", "of=" + host.resolve("filler"), "bs=1M", "status=none");
  }

  /** What a client knows to be committed. */
  private static final class Ledger {
    private final Set<Integer> acknowledged = new HashSet<>();
    private final CompletableFuture<Set<Integer>> done = new CompletableFuture<>();
    private int failures;

    synchronized void acknowledge(int n) {
      acknowledged.add(n);
    }

    synchronized void fail() {
      failures++;
    }

    synchronized boolean isLong() {
      return acknowledged.size() > 50;
    }

    synchronized boolean failed() {
      return failures > 0;
    }

    synchronized void end() {
      done.complete(Set.copyOf(acknowledged));
    }

    CompletableFuture<Set<Integer>> done() {
      return done;
    }
  }

  private static Map<String, Ledger> writers(Vela vela, AtomicBoolean writing) {
    var ledgers = new HashMap<String, Ledger>();
    for (var branch : BRANCHES) {
      var ledger = new Ledger();
      ledgers.put(branch, ledger);
      Thread.ofPlatform()
          .daemon()
          .start(
              () -> {
                int n = 0;
                while (writing.get()) {
                  try (var connection = vela.connect(branch);
                      var statement = connection.createStatement()) {
                    while (writing.get()) {
                      n++;
                      statement.execute(
                          "INSERT INTO ledger SELECT %d, string_agg(md5(random()::text), '')"
                                  .formatted(n)
                              + " FROM generate_series(1, 2000)");
                      ledger.acknowledge(n);
                    }
                  } catch (SQLException e) {
                    ledger.fail();
                  }
                }
                ledger.end();
              });
    }
    return ledgers;
  }

  private static void execute(Vela vela, String branch, String sql) throws SQLException {
    try (var connection = vela.connect(branch);
        var statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static Set<Integer> rows(Vela vela, String branch) throws SQLException {
    try (var connection = vela.connect(branch);
        var statement = connection.createStatement();
        var rows = statement.executeQuery("SELECT n FROM ledger")) {
      var found = new HashSet<Integer>();
      while (rows.next()) {
        found.add(rows.getInt(1));
      }
      return found;
    }
  }

  private static String problem(Vela vela) {
    return vela.pool().replaceAll("(?s).*\"problem\"\\s*:\\s*\"([^\"]*)\".*", "$1");
  }

  private static boolean writable(Vela vela) {
    return vela.pool().matches("(?s).*\"writable\"\\s*:\\s*true.*");
  }
}
