package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.it.support.Run;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Vela ended in every state, by SIGTERM and by kill -9: committed rows are there, catalogue, disk
 * and processes agree.
 */
final class StopAndCrashTest {
  private Scratch scratch;

  @BeforeEach
  void scratch() {
    scratch = new Scratch();
  }

  @AfterEach
  void clean() throws Exception {
    scratch.close();
  }

  private static Connection connect(Vela vela, String branch) throws SQLException {
    var login = vela.superuser();
    return vela.connect(login.user(), login.password(), "postgres@" + branch);
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (var statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static void write(Vela vela, String branch, String value) throws SQLException {
    try (var connection = connect(vela, branch)) {
      execute(connection, "CREATE TABLE IF NOT EXISTS kept (v text)");
      execute(connection, "INSERT INTO kept VALUES ('" + value + "')");
    }
  }

  private static String rows(Vela vela, String branch) throws SQLException {
    try (var connection = connect(vela, branch);
        var statement = connection.createStatement();
        var row = statement.executeQuery("SELECT string_agg(v, ',' ORDER BY v) FROM kept")) {
      row.next();
      return row.getString(1);
    }
  }

  /** Clones on disk, through whichever mount shows them. */
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
                var words =
                    Files.readString(Path.of("/proc/" + process.pid() + "/cmdline"))
                        .split("\0", -1);
                return words[0].endsWith("/postgres")
                    && String.join(" ", words).contains(scratch.folder() + "/")
                    && String.join(" ", words).contains("/clones/");
              } catch (IOException | RuntimeException e) {
                return false;
              }
            })
        .count();
  }

  @Test
  void sigtermTellsClientsStopsInstancesAndLosesNothing() throws Exception {
    try (var vela = Vela.start(scratch.data())) {
      write(vela, "one", "a");
      write(vela, "two", "b");
      vela.cli("branch", "suspend", "two").text();
      try (var connected = connect(vela, "one")) {
        assertThat(vela.stop()).isZero();

        assertThatThrownBy(() -> execute(connected, "SELECT 1"))
            .isInstanceOfSatisfying(
                SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("57P01"));
      }
      assertThat(postmasters()).isZero();
    }
    try (var vela = Vela.start(scratch.data())) {
      assertThat(vela.state("one")).isEqualTo("suspended");
      assertThat(vela.state("two")).isEqualTo("suspended");
      assertThat(rows(vela, "one")).isEqualTo("a");
      assertThat(rows(vela, "two")).isEqualTo("b");
    }
  }

  @Test
  void killedWhileRunningItAdoptsTheInstance() throws Exception {
    try (var vela = Vela.start(scratch.data())) {
      write(vela, "one", "a");
      vela.kill();
    }
    assertThat(postmasters()).isEqualTo(1);
    try (var vela = Vela.start(scratch.data())) {
      assertThat(vela.state("one")).isIn("running", "suspended");
      assertThat(rows(vela, "one")).isEqualTo("a");
      vela.cli("branch", "suspend", "one").text();
      assertThat(postmasters()).isZero();
    }
  }

  @Test
  void killedBetweenACloneAndItsRowItRemovesTheClone() throws Exception {
    try (var vela = Vela.start(scratch.data())) {
      write(vela, "whole", "a");
      var catalogue = catalogue();
      catalogue.forEach(process -> signal("STOP", process.pid()));
      var creation = attempt(vela, "half");
      await().atMost(Duration.ofSeconds(20)).until(() -> clones() == 2);
      awaitState(vela, "half", "creating");
      catalogue.forEach(process -> signal("KILL", process.pid()));
      vela.kill();
      creation.join();
    }
    try (var vela = Vela.start(scratch.data())) {
      assertThat(vela.state("half")).isEqualTo("absent");
      assertThat(clones()).isEqualTo(1);
      assertThat(rows(vela, "whole")).isEqualTo("a");
      write(vela, "half", "again");
      assertThat(rows(vela, "half")).isEqualTo("again");
    }
  }

  @Test
  void killedWhileStartingItFindsTheBranchAsItWas() throws Exception {
    var slow = slowPrograms("setpriv");
    // Namespaces are made with the system's own programs only.
    var config = scratch.folder().resolve("vela.yaml");
    Files.writeString(config, "postgres: {isolation: off}\n");
    try (var vela =
        Vela.start(Map.of("PATH", slow), scratch.data(), "--config", config.toString())) {
      write(vela, "one", "a");
      vela.cli("branch", "suspend", "one").text();
      switchOn();
      var wake = attempt(vela, "one");
      awaitState(vela, "one", "starting");
      vela.kill();
      wake.join();
    }
    switchOff();
    try (var vela = Vela.start(scratch.data())) {
      assertThat(rows(vela, "one")).isEqualTo("a");
      assertThat(postmasters()).isEqualTo(1);
    }
  }

  @Test
  void killedWhileSuspendingItKeepsEveryCommittedRow() throws Exception {
    long postmaster;
    try (var vela = Vela.start(scratch.data())) {
      write(vela, "one", "a");
      postmaster = postmaster();
      signal("STOP", postmaster);
      var suspend = vela.startCli("branch", "suspend", "one", "--force");
      awaitState(vela, "one", "suspending");
      vela.kill();
      Run.await(suspend);
    }
    signal("CONT", postmaster);
    try (var vela = Vela.start(scratch.data())) {
      assertThat(rows(vela, "one")).isEqualTo("a");
      assertThat(postmasters()).isEqualTo(1);
    }
  }

  @Test
  void aBranchThatDoesNotStopIsReportedBySuspendAndEndedByDelete() throws Exception {
    var config = scratch.folder().resolve("vela.yaml");
    Files.writeString(
        config, "limits: {stop-timeout: 2s, deletion: {fast: 1s, immediate: 1s, kill: 20s}}\n");
    try (var vela = Vela.start(scratch.data(), "--config", config.toString())) {
      write(vela, "one", "a");
      signal("STOP", postmaster());

      var suspended = vela.cli("branch", "suspend", "one", "--force");
      assertThat(suspended.code()).isNotZero();
      assertThat(suspended.err())
          .contains("Postgres did not stop within 2 s: its postmaster is stopped by a signal");
      assertThat(vela.why("one")).contains("did not stop within 2 s");
      assertThat(postmasters()).isEqualTo(1);

      assertThat(vela.cli("branch", "delete", "one").text())
          .contains("deleted one")
          .contains("its Postgres did not stop by itself: kill");
      assertThat(vela.state("one")).isEqualTo("absent");
      assertThat(clones()).isZero();
      assertThat(postmasters()).isZero();
      assertThat(vela.said()).contains("instance ended by force");
    }
  }

  @Test
  void aBranchThatCannotBeTakenOverIsFailedAndTheOthersServe() throws Exception {
    long postmaster;
    try (var vela = Vela.start(scratch.data())) {
      write(vela, "one", "a");
      postmaster = postmaster();
      write(vela, "two", "b");
      vela.kill();
    }
    // On its way down, and it gets no further.
    signal("STOP", postmaster);
    signal("INT", postmaster);
    var file = Path.of("/proc/" + postmaster + "/cwd/postmaster.pid");
    Files.writeString(file, Files.readString(file).replace("ready", "stopping"));
    try (var vela = Vela.start(scratch.data())) {
      assertThat(rows(vela, "two")).isEqualTo("b");
      assertThat(vela.state("one")).isEqualTo("failed");
      assertThat(vela.why("one"))
          .contains("could not be taken over")
          .contains("stopped by a signal");

      signal("CONT", postmaster);
      assertThat(rows(vela, "one")).isEqualTo("a");
    }
  }

  @Test
  void killedWhileDeletingItFinishesTheDeletion() throws Exception {
    var slow = slowPrograms("rm", "btrfs");
    try (var vela = Vela.start(Map.of("PATH", slow), scratch.data())) {
      write(vela, "one", "a");
      switchOn();
      var delete = vela.startCli("branch", "delete", "one", "--force");
      awaitState(vela, "one", "deleting");
      vela.kill();
      Run.await(delete);
    }
    switchOff();
    try (var vela = Vela.start(scratch.data())) {
      await().atMost(Duration.ofSeconds(30)).until(() -> vela.state("one").equals("absent"));
      await().atMost(Duration.ofSeconds(30)).until(() -> clones() == 0);
      assertThat(postmasters()).isZero();
    }
  }

  /** The catalogue's postmaster and all its children. */
  private List<ProcessHandle> catalogue() throws IOException {
    var file = scratch.data().resolve("catalog/data/postmaster.pid");
    var postmaster =
        ProcessHandle.of(Long.parseLong(Files.readAllLines(file).getFirst().strip())).orElseThrow();
    return Stream.concat(Stream.of(postmaster), postmaster.descendants()).toList();
  }

  private long postmaster() {
    return ProcessHandle.allProcesses()
        .mapToLong(ProcessHandle::pid)
        .filter(
            pid -> {
              try {
                var words = Files.readString(Path.of("/proc/" + pid + "/cmdline"));
                return words.contains("/clones/") && words.contains(scratch.folder() + "/");
              } catch (IOException e) {
                return false;
              }
            })
        .findFirst()
        .orElseThrow();
  }

  private static void signal(String name, long pid) {
    Run.program("kill", "-" + name, Long.toString(pid)).text();
  }

  private static CompletableFuture<Void> attempt(Vela vela, String branch) {
    return CompletableFuture.runAsync(
        () -> {
          try (var connection = connect(vela, branch)) {
            execute(connection, "SELECT 1");
          } catch (SQLException e) {
            // Vela is killed under it
          }
        });
  }

  private static void awaitState(Vela vela, String branch, String state) {
    await()
        .atMost(Duration.ofSeconds(20))
        .pollInterval(Duration.ofMillis(20))
        .until(() -> vela.state(branch).equals(state));
  }

  /**
   * A PATH on which the programs take some seconds while the switch is on, so that the state in
   * which they run can be met.
   */
  private String slowPrograms(String... names) throws IOException {
    var folder = Files.createDirectory(scratch.folder().resolve("slow"));
    for (var name : names) {
      var real = Run.program("sh", "-c", "command -v " + name).text();
      var script =
          "#!/bin/sh\nif [ -e '%s' ]; then sleep 6; fi\nexec %s \"$@\"\n"
              .formatted(scratch.folder().resolve("slow.on"), real);
      var file = Files.writeString(folder.resolve(name), script);
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
    return folder + ":" + System.getenv("PATH");
  }

  private void switchOn() throws IOException {
    Files.createFile(scratch.folder().resolve("slow.on"));
  }

  private void switchOff() throws IOException {
    Files.delete(scratch.folder().resolve("slow.on"));
  }
}
