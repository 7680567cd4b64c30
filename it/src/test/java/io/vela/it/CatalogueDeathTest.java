package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.it.support.Http;
import io.vela.it.support.Run;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The catalogue's own Postgres, killed and stopped while Vela runs. */
@Timeout(240)
class CatalogueDeathTest {
  private static final Duration BOUND = Duration.ofSeconds(60);
  private static Scratch scratch;
  private static Vela vela;

  @BeforeAll
  static void start() {
    scratch = new Scratch();
    vela = Vela.start(scratch.data(), "--demo");
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    scratch.close();
  }

  /** Its postmaster, among what this Vela has started: others may run on this host. */
  private static ProcessHandle postmaster() {
    var serving =
        ProcessHandle.of(vela.pid()).stream()
            .flatMap(ProcessHandle::descendants)
            .filter(CatalogueDeathTest::servesTheCatalogue)
            .toList();
    return serving.stream()
        .filter(process -> process.parent().filter(serving::contains).isEmpty())
        .findFirst()
        .orElseThrow();
  }

  private static boolean servesTheCatalogue(ProcessHandle process) {
    try {
      var words =
          List.of(Files.readString(Path.of("/proc/" + process.pid() + "/cmdline")).split("\0"));
      return words.stream().anyMatch(word -> word.endsWith("/postgres"))
          && words.stream().anyMatch(word -> word.endsWith("/catalog/data"));
    } catch (IOException e) {
      return false; // It has ended.
    }
  }

  private static void signal(String name, ProcessHandle postmaster) {
    var command = new ArrayList<>(List.of("kill", "-s", name, String.valueOf(postmaster.pid())));
    postmaster.descendants().map(child -> String.valueOf(child.pid())).forEach(command::add);
    Run.program(command.toArray(String[]::new)).text();
  }

  private static String health() {
    return Http.ask(vela.httpUrl() + "/healthz");
  }

  private static String select(String branch) {
    return vela.psql("app", "app", "app@" + branch, "-c", "SELECT 1").text();
  }

  @Test
  void killedItIsStartedAgainAndNewBranchesAreMade() {
    assertThat(health())
        .startsWith("200 {\"status\":\"ok\"")
        .contains("\"catalogue\":{\"status\":\"ok\"", "\"pool\":{\"status\":\"ok\"")
        .contains("\"listeners\":{\"status\":\"ok\"");
    assertThat(select("before")).isEqualTo("1");

    for (int i = 1; i <= 2; i++) {
      var killed = postmaster();
      killed.destroyForcibly();

      await()
          .atMost(BOUND)
          .until(() -> health().startsWith("200 ") && vela.metric("^vela_catalog_restarts") > 0);
      await().atMost(BOUND).ignoreExceptions().until(() -> !postmaster().equals(killed));
      var branch = "after-" + i;
      await()
          .atMost(BOUND)
          .until(() -> vela.psql("app", "app", "app@" + branch, "-c", "SELECT 1").code() == 0);
    }
    await().atMost(BOUND).until(() -> vela.metric("^vela_catalog_restarts") == 2);
    assertThat(vela.cli("branch", "list").text()).contains("before", "after-1", "after-2");
  }

  @Test
  void hangingItIsToldAndKnownBranchesGoOn() {
    assertThat(select("known")).isEqualTo("1");
    var hanging = postmaster();
    signal("STOP", hanging);
    try {
      await()
          .atMost(BOUND)
          .until(
              () ->
                  health().startsWith("503 ")
                      && health().contains("\"catalogue\":{\"status\":\"down\""));
      assertThat(vela.metric("^vela_health\\{part=\"catalogue\"")).isZero();
      assertThat(select("known")).isEqualTo("1");
    } finally {
      signal("CONT", hanging);
    }
    await().atMost(BOUND).until(() -> health().startsWith("200 "));
  }
}
