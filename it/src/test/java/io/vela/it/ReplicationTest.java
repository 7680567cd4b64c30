package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.it.support.Machine;
import io.vela.it.support.Run;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Postgres's own replication tools on a branch. */
final class ReplicationTest {

  private static Scratch scratch;
  private static Path programs;
  private static Vela vela;

  @BeforeAll
  static void start() throws Exception {
    scratch = new Scratch();
    programs = Machine.systemPostgres();
    var major = programs.getName(programs.getNameCount() - 2).toString();
    var config = scratch.folder().resolve("vela.yaml");
    Files.writeString(
        config,
        """
        postgres:
          version: %s
        baselines:
          main:
            branches:
              suspend-after: 1s
              replication: true
        """
            .formatted(major));
    vela = Vela.start(scratch.data(), "--config", config.toString());
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    scratch.close();
  }

  private static Run.Outcome psql(Vela of, String database, String sql) {
    return of.psql(of.superuser().user(), of.superuser().password(), database, "-c", sql);
  }

  /** A physical replication connection has no database to name a branch in. */
  private static String connection(Vela of, String branch) {
    return "host=localhost port=%d user=%s options='-c vela.branch=%s'"
        .formatted(of.port(), of.superuser().user(), branch);
  }

  private static Run.Outcome run(Vela of, List<String> command) {
    return Run.program(Map.of("PGPASSWORD", of.superuser().password()), command);
  }

  private static String program(String name) {
    return programs.resolve(name).toString();
  }

  @Test
  void aBaseBackupOfABranchIsWhole() {
    psql(vela, "postgres@backup", "create table kept as select generate_series(1, 10000)").text();
    var copy = scratch.folder().resolve("backup").toString();
    run(
            vela,
            List.of(
                program("pg_basebackup"),
                "-d",
                connection(vela, "backup"),
                "-D",
                copy,
                "-X",
                "stream",
                "--checkpoint=fast"))
        .text();
    assertThat(Run.program(program("pg_verifybackup"), copy).text()).contains("verified");
  }

  @Test
  void walIsReceivedAndKeepsTheBranchAwake() throws Exception {
    psql(vela, "postgres@wal", "create table kept (n int)").text();
    var folder = Files.createDirectory(scratch.folder().resolve("wal"));
    var receiving =
        Run.start(
            Map.of("PGPASSWORD", vela.superuser().password()),
            List.of(
                program("pg_receivewal"),
                "-d",
                connection(vela, "wal"),
                "-D",
                folder.toString(),
                "--no-loop"));
    try {
      await()
          .atMost(Duration.ofSeconds(30))
          .until(() -> vela.cli("why", "wal").text().contains("pg_receivewal"));
      psql(vela, "postgres@wal", "insert into kept values (1); select pg_switch_wal()").text();
      await()
          .atMost(Duration.ofSeconds(30))
          .until(
              () -> {
                try (var files = Files.list(folder)) {
                  return files.anyMatch(file -> !file.toString().endsWith(".partial"));
                }
              });
      assertThat(vela.state("wal")).isEqualTo("running");
    } finally {
      receiving.process().destroy();
      Run.await(receiving);
    }
    await().atMost(Duration.ofSeconds(30)).until(() -> vela.state("wal").equals("suspended"));
  }

  @Test
  void aLogicalStreamTellsWhatChanged() {
    psql(vela, "postgres@logical", "create table kept (n int)").text();
    var target = "dbname=postgres@logical";
    var connection =
        "host=localhost port=%d user=%s %s".formatted(vela.port(), vela.superuser().user(), target);
    var logical = List.of(program("pg_recvlogical"), "-d", connection, "--slot", "changes");
    run(vela, with(logical, "--create-slot", "-P", "test_decoding")).text();
    psql(vela, "postgres@logical", "insert into kept values (4711)").text();
    var end = psql(vela, "postgres@logical", "select pg_current_wal_insert_lsn()").text();
    var out = scratch.folder().resolve("changes").toString();
    run(vela, with(logical, "--start", "--no-loop", "--endpos", end, "-f", out)).text();
    assertThat(Path.of(out)).content().contains("kept: INSERT: n[integer]:4711");
    run(vela, with(logical, "--drop-slot")).text();
  }

  private static List<String> with(List<String> command, String... more) {
    return java.util.stream.Stream.concat(command.stream(), java.util.stream.Stream.of(more))
        .toList();
  }

  @Test
  void withoutThePolicyItIsRefusedAndNothingWakes() throws Exception {
    try (var other = new Scratch();
        var closed = Vela.start(other.data())) {
      var refused =
          run(
              closed,
              List.of(
                  program("pg_receivewal"),
                  "-d",
                  connection(closed, "secret"),
                  "-D",
                  other.folder().toString(),
                  "--no-loop"));
      assertThat(refused.code()).isNotZero();
      assertThat(refused.err())
          .contains("replication connections to branch \"secret\" are not allowed")
          .contains("baselines.main.branches.replication");
      assertThat(closed.state("secret")).isEqualTo("absent");
    }
  }
}
