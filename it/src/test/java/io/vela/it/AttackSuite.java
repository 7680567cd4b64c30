package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.agent.isolation.IsolationLevel;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What whoever is superuser in one branch tries against all others: programs by COPY PROGRAM, files
 * by Postgres's own functions. What is tried is the same whoever runs Vela.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class AttackSuite {
  private final IsolationLevel level;
  private final Scratch scratch = new Scratch();
  private Optional<Vela> started = Optional.empty();

  AttackSuite(IsolationLevel level) {
    this.level = level;
  }

  /** Starts Vela with a data directory that does not exist yet. */
  abstract Vela start(Scratch scratch) throws Exception;

  @BeforeAll
  void startWithASecretOfAnother() throws Exception {
    var vela = start(scratch);
    started = Optional.of(vela);
    try (var other = vela().connect("other");
        var statement = other.createStatement()) {
      statement.execute("CREATE TABLE secret AS SELECT 'of another' AS text");
    }
  }

  @AfterAll
  void stop() throws Exception {
    started.ifPresent(Vela::close);
    scratch.close();
  }

  /** Its data directory. */
  Path data() {
    return scratch.data();
  }

  /** The running Vela. */
  Vela vela() {
    return started.orElseThrow();
  }

  /** What a shell script says when the branch's superuser has Postgres run it, errors included. */
  static List<String> run(Connection session, String script) throws SQLException {
    var lines = new ArrayList<String>();
    try (var statement = session.createStatement()) {
      statement.execute("CREATE TEMPORARY TABLE IF NOT EXISTS said (line text)");
      statement.execute("TRUNCATE said");
      statement.execute(
          "COPY said FROM PROGRAM '"
              + ("{ " + script + "; } 2>&1; true").replace("'", "''")
              + "' WITH (DELIMITER E'\\x01')");
      try (var rows = statement.executeQuery("SELECT line FROM said")) {
        while (rows.next()) {
          lines.add(rows.getString(1));
        }
      }
    }
    return lines;
  }

  private List<String> run(String script) throws SQLException {
    try (var session = vela().connect("attacker")) {
      return run(session, script);
    }
  }

  @Test
  void theLevelReachedIsSaid() throws Exception {
    assertThat(vela().said()).contains("isolation of branches: " + level);
  }

  @Test
  void itSeesItsOwnProcessesOnly() throws Exception {
    assertThat(run("cat /proc/[0-9]*/comm | sort -u"))
        .contains("postgres", "sh")
        .doesNotContain("java", "vela");
  }

  @Test
  void itSeesItsOwnVolumeAndSocketOnly() throws Exception {
    var data = scratch.data();
    assertThat(run("ls " + data)).containsExactlyInAnyOrder("pool", "postgres", "run");
    assertThat(run("ls " + data.resolve("pool"))).containsExactly("clones");
    assertThat(run("ls " + data.resolve("pool/clones"))).hasSize(1);
    assertThat(run("ls -p " + data.resolve("run") + " | grep -v /"))
        .containsExactlyInAnyOrder("pg_hba.conf", "pg_ident.conf");
    assertThat(run("ls -p " + data.resolve("run") + " | grep -c /")).containsExactly("1");
    assertThat(run("ls / /tmp")).doesNotContain("root", "home", "var", "work", "srv", "mnt", "opt");
  }

  @ParameterizedTest
  @ValueSource(strings = {"client.json", "vela.log", "vela.lock", "catalog/data/PG_VERSION"})
  void filesOfVelasAreNotThere(String name) throws Exception {
    var file = scratch.data().resolve(name);
    assertThat(Files.exists(file)).isTrue();
    try (var session = vela().connect("attacker");
        var statement = session.createStatement()) {
      assertThatThrownBy(
              () -> statement.executeQuery("SELECT pg_read_binary_file('" + file + "', 0, 1)"))
          .isInstanceOf(SQLException.class)
          .extracting(e -> ((SQLException) e).getSQLState())
          .isEqualTo("58P01");
      assertThatThrownBy(() -> statement.execute("SELECT lo_import('" + file + "')"))
          .isInstanceOf(SQLException.class);
    }
  }

  @Test
  void itIsNobodyOfTheHostAndBecomesNobodyElse() throws Exception {
    var status = run("grep -E '^(Uid|CapBnd|CapEff|NoNewPrivs|Seccomp):' /proc/self/status");
    assertThat(status.stream().map(line -> line.replaceAll("\\s+", " ")))
        .contains(
            "CapEff: 0000000000000000", "CapBnd: 0000000000000000", "NoNewPrivs: 1", "Seccomp: 2");
    assertThat(run("unshare --user true || echo refused")).contains("refused");
    assertThat(run("mount -t tmpfs none /tmp || echo refused")).contains("refused");
  }

  @Test
  void thereIsNoWayOutToAnyNetwork() throws Exception {
    var http = URI.create(vela().httpUrl());
    for (int port : List.of(http.getPort(), vela().port())) {
      assertThat(run("bash -c 'echo > /dev/tcp/127.0.0.1/" + port + "' && echo connected"))
          .doesNotContain("connected");
    }
    assertThat(run("ls /sys/class/net 2>/dev/null; cat /proc/net/dev | tail -n +3 | cut -d: -f1"))
        .map(String::strip)
        .containsExactly("lo");
    // Abstract sockets belong to a network, too: the host's are not seen.
    assertThat(run("grep -c @ /proc/net/unix")).containsExactly("0");
  }

  @Test
  void itSignalsNobodyOutside() throws Exception {
    assertThat(run("kill -0 " + vela().pid() + " && echo reached")).doesNotContain("reached");
  }

  @Test
  void aProcessThatHidesDoesNotOutliveItsBranch() throws Exception {
    try (var session = vela().connect("shortlived")) {
      run(session, "setsid sleep 47114711 < /dev/null > /dev/null 2>&1 & true");
      await().atMost(Duration.ofSeconds(20)).until(() -> running("47114711"));
    }

    vela().cli("branch", "delete", "shortlived", "--force").text();

    await().atMost(Duration.ofSeconds(20)).until(() -> !running("47114711"));
  }

  private static boolean running(String argument) {
    return ProcessHandle.allProcesses()
        .anyMatch(
            process -> {
              try {
                return Files.readString(Path.of("/proc/" + process.pid() + "/cmdline"))
                    .contains(argument);
              } catch (IOException e) {
                return false;
              }
            });
  }

  @Test
  void aLinkInPlaceOfItsSocketLeadsVelaNowhereElse() throws Exception {
    try (var other = vela().connect("other")) {
      var folder = run(other, "ls -d " + scratch.data().resolve("run") + "/*/").getFirst();
      var own = run("ls -d " + scratch.data().resolve("run") + "/*/").getFirst();
      // Where it is root, Vela has taken the right to do that from the branch.
      run("rm " + own + ".s.PGSQL.5432; ln -s " + folder + ".s.PGSQL.5432 " + own);

      try (var session = vela().connect("attacker");
          var statement = session.createStatement();
          var row = statement.executeQuery("SELECT to_regclass('secret') IS NULL")) {
        row.next();
        assertThat(row.getBoolean(1)).isTrue();
      }
    }
  }

  @Test
  void aPostmasterTakesNoStrangersEndForACrash() throws Exception {
    try (var session = vela().connect("attacker")) {
      var before = started(session);
      run(session, "(sleep 0.2; kill -9 $$) < /dev/null > /dev/null 2>&1 & true");
      await()
          .pollDelay(Duration.ofMillis(500))
          .atMost(Duration.ofSeconds(20))
          .until(() -> run(session, "pgrep -x sleep || echo none").contains("none"));
      assertThat(started(session)).isEqualTo(before);
    }
  }

  /** Of the processes that a host may have, a branch takes its part. */
  @Test
  void whoForksWithoutEndIsStoppedAtSomeThousands() throws Exception {
    try (var session = vela().connect("bomb")) {
      var said =
          run(
              session,
              "(i=0; while [ $i -lt 6000 ]; do sleep 60 > /dev/null 2>&1 & i=$((i+1)); done; echo"
                  + " all)");
      assertThat(said).anyMatch(line -> line.contains("fork")).doesNotContain("all");
      assertThat(run("echo well")).containsExactly("well");
    } finally {
      assertThat(vela().cli("branch", "delete", "bomb", "--force").code()).isZero();
    }
  }

  private static String started(Connection session) throws SQLException {
    try (var statement = session.createStatement();
        var row = statement.executeQuery("SELECT pg_postmaster_start_time()")) {
      row.next();
      return row.getString(1);
    }
  }

  @Test
  void theCatalogueCannotBeReached() throws Exception {
    var sockets = scratch.data().resolve("run/catalog");
    assertThat(Files.exists(sockets.resolve(".s.PGSQL.5432"))).isTrue();
    assertThat(run("ls -A " + sockets + " || echo absent")).contains("absent");
    try (var session = vela().connect("attacker");
        var statement = session.createStatement()) {
      statement.execute("CREATE EXTENSION IF NOT EXISTS dblink");
      assertThatThrownBy(
              () ->
                  statement.execute(
                      "SELECT dblink_connect('host=" + sockets + " dbname=postgres')"))
          .isInstanceOf(SQLException.class)
          .hasMessageContaining("No such file or directory");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"snapshots", "clones"})
  void volumesOfOthersAreNotThere(String kind) throws Exception {
    List<Path> volumes;
    try (var found = Files.list(scratch.data().resolve("pool").resolve(kind))) {
      volumes = found.toList();
    }
    var own = run("ls " + scratch.data().resolve("pool/clones")).getFirst();
    var others = volumes.stream().filter(volume -> !volume.endsWith(own)).toList();
    assertThat(others).isNotEmpty();
    for (var volume : others) {
      assertThat(run("ls " + volume + " || echo absent")).contains("absent");
      assertThat(run("chmod 777 " + volume + " && echo done")).doesNotContain("done");
    }
  }

  @Test
  void noProcessIsTracedNoFileLeasedAndNoOtherSocketMade() throws Exception {
    // PTRACE_ATTACH by its number; perl is in every Debian.
    int ptrace = "aarch64".equals(System.getProperty("os.arch")) ? 117 : 101;
    var attached =
        run(
            "perl -e 'print syscall(%d, 16, getppid(), 0, 0) < 0 ? \"refused\" : \"traced\"'"
                .formatted(ptrace));
    assertThat(attached).containsExactly("refused");
    assertThat(run("perl -e 'print socket(my $s, 40, 1, 0) ? \"made\" : \"refused\"'"))
        .containsExactly("refused");
    var lease =
        "perl -e 'open(my $f, \"<\", \"PG_VERSION\"); print fcntl($f, 1024, 1) ? \"held\" :"
            + " \"refused\"'";
    assertThat(run(lease)).containsExactly("refused");
  }
}
