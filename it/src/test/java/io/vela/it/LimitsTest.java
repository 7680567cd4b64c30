package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.it.support.Machine;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A policy that limits what branches take of the host is kept, or refused: never ignored. */
final class LimitsTest {
  private Scratch scratch;
  private Path config;

  @BeforeEach
  void scratch() throws IOException {
    Assumptions.assumeTrue(Machine.isRoot(), "only root limits branches");
    scratch = new Scratch();
    config =
        Files.writeString(
            scratch.folder().resolve("vela.yaml"),
            """
            listen: [{address: "127.0.0.1:0"}]
            baselines: {main: {branches: {limits: {memory: 512MB, processes: 100}}}}
            """);
  }

  @AfterEach
  void clean() throws Exception {
    if (scratch != null) {
      scratch.close();
    }
  }

  private static boolean hostCanLimit() throws IOException {
    for (var line : Files.readAllLines(Path.of("/proc/self/mountinfo"))) {
      if (line.contains(" - cgroup2 ")) {
        var controllers = Path.of(line.split(" ", -1)[4]).resolve("cgroup.controllers");
        return Files.readString(controllers).contains("memory");
      }
    }
    return false;
  }

  @Test
  void aBranchDoesNotStartWhereItsLimitsCannotBeKept() throws Exception {
    Assumptions.assumeFalse(hostCanLimit(), "this host can keep them");
    try (var vela = Vela.startAsConfigured(scratch.data(), config)) {
      assertThatThrownBy(() -> vela.connect("one"))
          .isInstanceOf(SQLException.class)
          .hasMessageContaining("which this host cannot keep")
          .hasMessageContaining("no controllers memory, pids");
      assertThat(vela.why("one")).contains("which this host cannot keep");

      Files.writeString(config, "listen: [{address: \"127.0.0.1:0\"}]\n");
      vela.cli("reload").text();
      // A start that failed is not tried again at once.
      await()
          .atMost(Duration.ofMinutes(1))
          .ignoreExceptionsInstanceOf(SQLException.class)
          .untilAsserted(
              () -> {
                try (var session = vela.connect("one")) {
                  assertThat(session.isValid(10)).isTrue();
                }
              });
    }
  }

  /** The kernel's own words are the proof: what it was told, and what it then refuses. */
  @Test
  void whatABranchMayTakeIsNotExceededWhereTheHostCanLimit() throws Exception {
    Assumptions.assumeTrue(hostCanLimit(), "this host has no controllers of cgroup v2");
    try (var vela = Vela.startAsConfigured(scratch.data(), config);
        var session = vela.connect("one");
        var statement = session.createStatement()) {
      statement.execute("CREATE TEMPORARY TABLE said (line text)");
      statement.execute(
          "COPY said FROM PROGRAM '(i=0; while [ $i -lt 200 ]; do sleep 30 > /dev/null 2>&1 &"
              + " i=$((i+1)); done; echo all) 2>&1; true'");
      try (var row = statement.executeQuery("SELECT string_agg(line, ' ') FROM said")) {
        row.next();
        assertThat(row.getString(1)).contains("fork").doesNotContain("all");
      }
      // 800 MB in one process, of 512 that it may: it is killed, and not another branch's.
      assertThatThrownBy(
              () ->
                  statement.execute(
                      "COPY (SELECT 1) TO PROGRAM 'perl -e \"\\$x = chr(65) x 800000000; print"
                          + " 1\"'"))
          .isInstanceOf(SQLException.class);
    }
  }
}
