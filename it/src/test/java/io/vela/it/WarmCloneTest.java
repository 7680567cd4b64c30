package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.it.support.Run;
import io.vela.it.support.Scratch;
import io.vela.it.support.SourceServer;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Branches made of clones that run already. */
final class WarmCloneTest {
  private Scratch scratch;

  @BeforeEach
  void scratch() {
    scratch = new Scratch();
  }

  @AfterEach
  void clean() throws Exception {
    scratch.close();
  }

  private Vela start(int warm) throws IOException {
    var config = scratch.folder().resolve("vela.yaml");
    Files.writeString(config, "baselines: {main: {branches: {warm: %d}}}\n".formatted(warm));
    return Vela.start(scratch.data(), "--config", config.toString());
  }

  private static void awaitWarm(Vela vela, int count) {
    await()
        .atMost(Duration.ofSeconds(60))
        .pollInterval(Duration.ofMillis(100))
        .until(() -> vela.warm("main") == count);
  }

  private static double woken(Vela vela, String kind) {
    return vela.metric("^vela_branch_wake_seconds_count\\{.*kind=\"" + kind + "\"");
  }

  private static String query(Connection connection, String sql) throws SQLException {
    try (var statement = connection.createStatement();
        var row = statement.executeQuery(sql)) {
      row.next();
      return row.getString(1);
    }
  }

  private static String writeAndCount(Vela vela, String branch) throws SQLException {
    try (var connection = vela.connect(branch);
        var statement = connection.createStatement()) {
      statement.execute("CREATE TABLE mine AS SELECT '" + branch + "' AS name");
      return query(connection, "SELECT count(*) || ' ' || min(name) FROM mine");
    }
  }

  private long clones() throws IOException {
    try (var folders = Files.list(scratch.data().resolve("pool/clones"))) {
      return folders.count();
    }
  }

  private long postmasters() {
    return ProcessHandle.allProcesses()
        .filter(
            process -> {
              try {
                var words = Files.readString(Path.of("/proc/" + process.pid() + "/cmdline"));
                return words.contains(scratch.folder() + "/")
                    && words.contains("/clones/")
                    && words.contains("\0-D\0");
              } catch (IOException e) {
                return false;
              }
            })
        .count();
  }

  @Test
  void aHandedOutCloneIsAnIsolatedWritableBranchThatSleepsAndWakes() throws Exception {
    try (var vela = start(2)) {
      awaitWarm(vela, 2);
      assertThat(vela.cli("branch", "list", "--json").text()).doesNotContain("\"state\"");

      assertThat(writeAndCount(vela, "one")).isEqualTo("1 one");
      assertThat(writeAndCount(vela, "two")).isEqualTo("1 two");

      assertThat(woken(vela, "warm")).isEqualTo(2);
      assertThat(woken(vela, "create")).isZero();
      awaitWarm(vela, 2);
      vela.cli("branch", "suspend", "one", "--force").text();
      try (var connection = vela.connect("one")) {
        assertThat(query(connection, "SELECT name FROM mine")).isEqualTo("one");
      }
      assertThat(vela.stop()).isZero();
      assertThat(postmasters()).isZero();
      assertThat(clones()).isEqualTo(2);
    }
  }

  @Test
  void thirtyAtOnceWithFiveWarmAreThirtyBranches() throws Exception {
    try (var vela = start(5)) {
      awaitWarm(vela, 5);
      var clients = new ArrayList<Callable<String>>();
      for (int i = 0; i < 30; i++) {
        var branch = "b" + i;
        clients.add(() -> writeAndCount(vela, branch));
      }
      var answers = new ArrayList<String>();
      try (var threads = Executors.newFixedThreadPool(30)) {
        for (Future<String> answer : threads.invokeAll(clients)) {
          answers.add(answer.get());
        }
      }
      assertThat(answers)
          .hasSize(30)
          .allMatch(answer -> answer.startsWith("1 b"))
          .doesNotHaveDuplicates();
      assertThat(woken(vela, "warm")).isBetween(5.0, 30.0);
      assertThat(woken(vela, "warm") + woken(vela, "create")).isEqualTo(30);
      awaitWarm(vela, 5);
      assertThat(clones()).isEqualTo(35);
    }
  }

  @Test
  void killedWithWarmClonesItRemovesThemAndKeepsWhatWasHandedOut() throws Exception {
    try (var vela = start(3)) {
      awaitWarm(vela, 3);
      writeAndCount(vela, "kept");
      vela.kill();
    }
    assertThat(postmasters()).isGreaterThanOrEqualTo(3);
    try (var vela = start(1)) {
      awaitWarm(vela, 1);
      await().atMost(Duration.ofSeconds(30)).until(() -> clones() == 2);
      try (var connection = vela.connect("kept")) {
        assertThat(query(connection, "SELECT name FROM mine")).isEqualTo("kept");
      }
      assertThat(woken(vela, "wake")).isZero();
      assertThat(postmasters()).isEqualTo(2);
    }
  }

  @Test
  void aNewerSnapshotAndASmallerPolicyReplaceThem() throws Exception {
    try (var source = SourceServer.start(scratch.folder(), Map.of());
        var vela = start(2)) {
      source.execute("postgres", "CREATE TABLE newer AS SELECT 42 AS n");
      awaitWarm(vela, 2);
      vela.cli(
              "baseline",
              "import",
              "main",
              "--from",
              "postgresql://owner:secret@127.0.0.1:" + source.port() + "/")
          .text();
      assertThat(vela.psql("owner", "secret", "postgres@fresh", "-c", "SELECT n FROM newer").text())
          .isEqualTo("42");
      awaitWarm(vela, 2);
      assertThat(vela.psql("owner", "secret", "postgres@warm", "-c", "SELECT n FROM newer").text())
          .isEqualTo("42");
      assertThat(woken(vela, "warm")).isPositive();
      try (var snapshots = Files.list(scratch.data().resolve("pool/snapshots"))) {
        assertThat(snapshots).hasSize(1);
      }

      Files.writeString(
          scratch.folder().resolve("vela.yaml"), "baselines: {main: {branches: {warm: 0}}}\n");
      Run.program("kill", "-HUP", Long.toString(vela.pid())).text();
      await().atMost(Duration.ofSeconds(30)).until(() -> clones() == 2);
      assertThat(vela.warm("main")).isZero();
    }
  }
}
