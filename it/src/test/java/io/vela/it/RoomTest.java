package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.nio.file.Files;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Three branches may run; six are used. */
final class RoomTest {
  private static Scratch scratch;
  private static Vela vela;

  @BeforeAll
  static void start() throws Exception {
    scratch = new Scratch();
    var config = scratch.folder().resolve("vela.yaml");
    Files.writeString(config, "limits: {max-running: 3, wake-timeout: 20s}\n");
    vela = Vela.start(scratch.data(), "--config", config.toString());
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    scratch.close();
  }

  private static String ask(String branch) throws SQLException {
    try (var connection = vela.connect(branch);
        var statement = connection.createStatement();
        var row = statement.executeQuery("SELECT 1")) {
      row.next();
      assertThat(vela.metric("^vela_instances ")).isLessThanOrEqualTo(3);
      return row.getString(1);
    }
  }

  @Test
  void sixBranchesInTurnAndAtOnceAreAllServedByThreePlaces() throws Exception {
    for (int round = 0; round < 3; round++) {
      for (int i = 0; i < 6; i++) {
        assertThat(ask("turn-" + i)).isEqualTo("1");
      }
    }
    var clients = new ArrayList<Callable<String>>();
    for (int i = 0; i < 30; i++) {
      var branch = "turn-" + i % 6;
      clients.add(() -> ask(branch));
    }
    try (var threads = Executors.newFixedThreadPool(30)) {
      for (Future<String> answer : threads.invokeAll(clients)) {
        assertThat(answer.get()).isEqualTo("1");
      }
    }
    assertThat(vela.metric("^vela_branch_suspends_total\\{.*reason=\"room\"")).isPositive();
    assertThat(vela.metric("^vela_instances_limit ")).isEqualTo(3);
  }

  @Test
  void whenNoneCanSleepTheNextIsToldWhichLimitAndWhatKeepsThemAwake() throws Exception {
    try (var one = vela.connect("held-1");
        var two = vela.connect("held-2");
        var three = vela.connect("held-3")) {
      // Idle sessions would be parked to make room.
      for (var held : List.of(one, two, three)) {
        held.setAutoCommit(false);
        held.createStatement().execute("SELECT 1");
      }
      assertThatThrownBy(() -> vela.connect("late"))
          .isInstanceOfSatisfying(
              SQLException.class,
              e -> {
                assertThat(e.getSQLState()).isEqualTo("53400");
                assertThat(e.getMessage()).contains("limits.max-running").contains("held-2");
              });
      assertThat(one.isValid(5) && two.isValid(5) && three.isValid(5)).isTrue();
    }
  }
}
