package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.it.support.Run;
import io.vela.it.support.Scratch;
import io.vela.it.support.SourceServer;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Baselines from a running server and from a stopped data directory. */
final class ImportTest {
  private static Scratch scratch;
  private static SourceServer source;
  private static Vela vela;

  @BeforeAll
  static void start() throws Exception {
    scratch = new Scratch();
    source = SourceServer.start(scratch.folder(), Map.of("wal_level", "logical"));
    source.execute(
        "postgres",
        "CREATE ROLE app LOGIN PASSWORD 'of the role'",
        "CREATE DATABASE app OWNER app");
    source.execute(
        "app",
        "CREATE TABLE item AS SELECT n, md5(n::text) AS text FROM generate_series(1, 20000) n",
        "GRANT ALL ON item TO app");
    vela = Vela.start(scratch.data());
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    source.close();
    scratch.close();
  }

  private static long staging() throws IOException {
    try (var folders = Files.list(scratch.data().resolve("pool/staging"))) {
      return folders.count();
    }
  }

  @Test
  void aRunningServerBecomesABaselineWhoseRolesKeepTheirPasswords() {
    vela.cli(
            "baseline",
            "import",
            "main",
            "--from",
            "postgresql://owner:secret@127.0.0.1:" + source.port() + "/")
        .text();

    assertThat(
            vela.psql("app", "of the role", "app@imported", "-c", "SELECT count(*) FROM item")
                .text())
        .isEqualTo("20000");
    assertThat(vela.psql("app", "another", "app@imported", "-c", "SELECT 1").err())
        .contains("password authentication failed");
    assertThat(vela.cli("baseline", "list", "--json").text()).contains("\"clean\" : true");
  }

  @Test
  void aRefusedImportSaysWhyAndLeavesNothing() throws IOException {
    var refused =
        vela.cli(
            "baseline",
            "import",
            "other",
            "--from",
            "postgresql://owner:wrong@127.0.0.1:" + source.port() + "/");

    assertThat(refused.code()).isEqualTo(1);
    assertThat(refused.err()).contains("password authentication failed");
    assertThat(staging()).isZero();
    assertThat(vela.cli("baseline", "list").text()).doesNotContain("other");
  }

  @Test
  void aRunningDataDirectoryIsRefusedAndAStoppedOneImported() throws Exception {
    var folder = Files.createDirectory(scratch.folder().resolve("stopped"));
    try (var another = SourceServer.start(folder, Map.of())) {
      another.execute("postgres", "CREATE TABLE here AS SELECT 3 AS n");
      var running = vela.cli("baseline", "import", "dir", "--from", "dir:" + another.data());
      assertThat(running.code()).isEqualTo(1);
      assertThat(running.err()).contains("a server runs on");

      another.stop();
      vela.cli("baseline", "import", "dir", "--from", "dir:" + another.data()).text();
      vela.cli("branch", "create", "from-dir", "--from", "dir").text();
    }

    assertThat(vela.psql("owner", "secret", "postgres@from-dir", "-c", "SELECT n FROM here").text())
        .isEqualTo("3");
  }

  @Test
  void anInterruptedImportLeavesNothing() throws Exception {
    source.execute(
        "app",
        "CREATE TABLE IF NOT EXISTS bulk AS SELECT n, repeat(md5(n::text), 20) AS t FROM"
            + " generate_series(1, 400000) n");
    var importing =
        vela.startCli(
            "baseline",
            "import",
            "stopped-halfway",
            "--from",
            "postgresql://owner:secret@127.0.0.1:" + source.port() + "/");
    await()
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofMillis(10))
        .until(() -> staging() > 0);

    importing.process().destroy();
    Run.await(importing);

    await().atMost(Duration.ofSeconds(30)).until(() -> staging() == 0);
    assertThat(vela.cli("baseline", "list").text()).doesNotContain("stopped-halfway");
  }
}
