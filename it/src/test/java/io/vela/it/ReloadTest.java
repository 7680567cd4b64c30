package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.it.support.Run;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The configuration changes while Vela runs, and nobody who is connected notices. */
final class ReloadTest {
  private static final String ONLY_PR =
      "baselines: {main: {branches: {create-on-connect: [pr-*]}}}";
  private static final String ANY = "baselines: {main: {branches: {create-on-connect: ['*']}}}";

  private Scratch scratch;
  private Path config;

  @BeforeEach
  void scratch() throws Exception {
    scratch = new Scratch();
    config = Files.writeString(scratch.folder().resolve("vela.yaml"), ONLY_PR);
  }

  @AfterEach
  void clean() throws Exception {
    scratch.close();
  }

  private static Connection connect(Vela vela, String branch) throws SQLException {
    var login = vela.superuser();
    return vela.connect(login.user(), login.password(), "postgres@" + branch);
  }

  private static void hangUp(Vela vela) {
    Run.program("kill", "-HUP", Long.toString(vela.pid())).text();
  }

  @Test
  void aPolicyAppliesAtOnceAndWhatNeedsARestartIsNamed() throws Exception {
    try (var vela = Vela.start(scratch.data(), "--config", config.toString());
        var connected = connect(vela, "pr-1")) {
      assertThatThrownBy(() -> connect(vela, "dev"))
          .isInstanceOfSatisfying(
              SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("3D000"));

      Files.writeString(config, ANY + "\nnetwork: {event-loops: 3}\n");
      assertThat(vela.cli("reload").text())
          .isEqualTo("applied: baselines\nchanged, but in force only after a restart: network");

      connect(vela, "dev").close();
      assertThat(connected.isValid(10)).isTrue();
    }
  }

  @Test
  void aFileThatCannotBeUsedChangesNothingAndIsToldWithItsLine() throws Exception {
    try (var vela = Vela.start(scratch.data(), "--config", config.toString())) {
      Files.writeString(config, ANY + "\nlimits: {wake-timeout: soon}\n");

      hangUp(vela);

      await()
          .atMost(Duration.ofSeconds(20))
          .until(() -> vela.said().contains("vela.yaml:2: limits.wake-timeout: \"soon\""));
      assertThatThrownBy(() -> connect(vela, "dev")).isInstanceOf(SQLException.class);
    }
  }

  @Test
  void aSignalReloadsToo() throws Exception {
    try (var vela = Vela.start(scratch.data(), "--config", config.toString())) {
      Files.writeString(config, ANY);

      hangUp(vela);

      await()
          .atMost(Duration.ofSeconds(20))
          .ignoreExceptions()
          .untilAsserted(() -> connect(vela, "dev").close());
    }
  }
}
