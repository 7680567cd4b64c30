package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.it.support.Machine;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
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
      try (var session = vela.connect("one")) {
        assertThat(session.isValid(10)).isTrue();
      }
    }
  }
}
