package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.it.support.Machine;
import io.vela.it.support.Run;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A branch on the first connection, seen by psql, pgjdbc and node-postgres. */
final class FirstBranchTest {
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

  @Test
  void theDemoIsAShopOfAMillionRows() {
    var rows =
        """
        SELECT count(*) FROM pg_tables WHERE schemaname = 'public';
        SELECT sum(n_live_tup) > 900000 FROM pg_stat_user_tables;
        """;

    assertThat(vela.psql("app", "app", "app@demo-look", "-c", "SELECT count(*) FROM orders").text())
        .isEqualTo("180000");
    assertThat(vela.psql("app", "app", "app@demo-look", "-c", rows).text()).isEqualTo("11\nt");
  }

  @Test
  void theSecondConnectionFindsWhatTheFirstCreated() {
    vela.psql("app", "app", "app@pr-1", "-c", "CREATE TABLE mine AS SELECT 7 AS n").text();

    assertThat(vela.psql("app", "app", "app@pr-1", "-c", "SELECT n FROM mine").text())
        .isEqualTo("7");
  }

  @Test
  void writesAreSeenInNoOtherBranch() {
    vela.psql("app", "app", "app@left", "-c", "DELETE FROM review").text();

    assertThat(vela.psql("app", "app", "app@right", "-c", "SELECT count(*) > 0 FROM review").text())
        .isEqualTo("t");
    assertThat(vela.psql("app", "app", "app@left", "-c", "SELECT count(*) FROM review").text())
        .isEqualTo("0");
  }

  @Test
  void aWrongPasswordNeitherCreatesNorWakes() {
    var refused = vela.psql("app", "wrong", "app@never", "-c", "SELECT 1");

    assertThat(refused.code()).isEqualTo(2);
    assertThat(refused.err()).contains("password authentication failed for user \"app\"");
    assertThat(vela.state("never")).isEqualTo("absent");

    vela.psql("app", "app", "app@asleep", "-c", "SELECT 1").text();
    vela.cli("branch", "suspend", "asleep").text();
    assertThat(vela.psql("app", "wrong", "app@asleep", "-c", "SELECT 1").code()).isEqualTo(2);
    assertThat(vela.psql("nobody", "wrong", "app@asleep", "-c", "SELECT 1").err())
        .contains("password authentication failed for user \"nobody\"");
    assertThat(vela.state("asleep")).isEqualTo("suspended");
  }

  @Test
  void everyStartupParameterReachesPostgres() throws SQLException {
    try (var connection =
            vela.connect(
                "app",
                "app",
                "app@params",
                Map.of(
                    "options",
                    "-c statement_timeout=12345 -c search_path=pg_catalog",
                    "ApplicationName",
                    "the app"));
        var statement = connection.createStatement()) {
      for (var expected :
          Map.of(
                  "statement_timeout", "12345ms",
                  "search_path", "pg_catalog",
                  "application_name", "the app")
              .entrySet()) {
        var row = statement.executeQuery("SHOW " + expected.getKey());
        row.next();
        assertThat(row.getString(1)).isEqualTo(expected.getValue());
      }
    }
    var zone =
        Run.program(
            Map.of("PGPASSWORD", "app", "PGTZ", "Asia/Tokyo", "PGDATESTYLE", "German"),
            List.of(
                Machine.psql(),
                "-XAtq",
                "host=localhost user=app dbname=app options='branch=params -c work_mem=7MB' port="
                    + vela.port(),
                "-c",
                "SELECT current_setting('TimeZone'), current_setting('work_mem'),"
                    + " current_setting('DateStyle')"));
    assertThat(zone.text()).isEqualTo("Asia/Tokyo|7MB|German, DMY");
  }

  @Test
  void aRefusalNamesItsReasonAsPostgresWould() {
    var none = vela.psql("app", "app", "app", "-c", "SELECT 1");
    assertThat(none.err()).contains("FATAL").contains("no branch was named").contains("HINT");

    var malformed = vela.psql("app", "app", "app@No_Such!", "-c", "SELECT 1");
    assertThat(malformed.err()).contains("branch name");

    assertThatThrownBy(() -> vela.connect("app", "app", "app"))
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("3D000"));
    assertThatThrownBy(() -> vela.connect("app", "app", "app@-bad-"))
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("22023"));
    assertThatThrownBy(() -> vela.connect("app", "app", "app@a", Map.of("options", "branch=b")))
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("22023"));
    assertThatThrownBy(() -> vela.connect("app", "no", "app@pr-1"))
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("28P01"));
    assertThatThrownBy(() -> vela.connect("app", "app", "nodb@pr-1"))
        .isInstanceOfSatisfying(
            SQLException.class,
            e -> {
              assertThat(e.getSQLState()).isEqualTo("3D000");
              assertThat(e.getMessage()).contains("database \"nodb\" does not exist");
            });
  }

  @Test
  void theUrlIsAcceptedAsItIsByPsqlPgjdbcAndNodePostgres() throws Exception {
    var url = vela.cli("url", "urls").text();
    assertThat(url).matches("postgresql://app~[a-z0-9]+:[^@]+@[^/]+/app");

    assertThat(Run.program(Machine.psql(), url, "-XAtqc", "SELECT current_user").text())
        .isEqualTo("app");

    var jdbc = vela.cli("url", "urls", "--jdbc").text();
    try (var connection = DriverManager.getConnection(jdbc);
        var row = connection.createStatement().executeQuery("SELECT current_user")) {
      row.next();
      assertThat(row.getString(1)).isEqualTo("app");
    }

    var script =
        """
        const { Client } = require('pg');
        (async () => {
          const client = new Client({ connectionString: process.argv[2] });
          await client.connect();
          const result = await client.query('SELECT current_user AS me, $1::int + 1 AS n', [41]);
          console.log(result.rows[0].me + ' ' + result.rows[0].n);
          await client.end();
        })().catch((e) => { console.error(e); process.exit(1); });
        """;
    assertThat(node(script, url).text()).isEqualTo("app 42");
  }

  @Test
  void bearerTokensWorkFromLoopbackWithoutAPassword() {
    var url = vela.cli("url", "bearer").text();
    var token = url.replaceFirst("postgresql://app~([a-z0-9]+):([^@]+)@.*", "vela_$1_$2");

    assertThat(vela.psql("app", "", "app@" + token, "-c", "SELECT current_user").text())
        .isEqualTo("app");
    assertThat(
            vela.psql("app", "", "app@" + token.substring(0, token.length() - 1), "-c", "SELECT 1")
                .code())
        .isEqualTo(2);
    assertThat(vela.psql("app", "", "app@vela_zzzzzz_zzzz", "-c", "SELECT 1").err())
        .contains("token");
  }

  @Test
  void theVerbsOfTheCommandWorkOnABranch() {
    vela.psql("app", "app", "app@verbs", "-c", "SELECT 1").text();

    assertThat(vela.cli("branch", "list").text()).contains("verbs");
    assertThat(vela.cli("branch", "list", "--json").text()).contains("\"branches\"");
    assertThat(vela.cli("branch", "show", "verbs").text()).contains("running");
    assertThat(vela.cli("why", "verbs").text()).contains("sleep");
    assertThat(vela.cli("why", "verbs", "--json").text()).startsWith("{");
    vela.cli("branch", "suspend", "verbs").text();
    assertThat(vela.state("verbs")).isEqualTo("suspended");
    vela.cli("branch", "resume", "verbs").text();
    assertThat(vela.state("verbs")).isEqualTo("running");
    vela.cli("branch", "delete", "verbs").text();
    assertThat(vela.state("verbs")).isEqualTo("absent");
    assertThat(vela.cli("branch", "show", "verbs").code()).isEqualTo(1);
    assertThat(vela.cli("baseline", "list").text()).contains("main");
    assertThat(vela.cli("baseline", "list", "--json").text()).contains("\"main\"");
    assertThat(vela.cli("psql", "verbs-2", "--", "-XAtqc", "SELECT 5").text()).isEqualTo("5");
  }

  @Test
  void metricsAndHealthAnswer() {
    vela.psql("app", "app", "app@metrics", "-c", "SELECT 1").text();

    assertThat(vela.metric("^vela_branches\\{.*state=\"running\"")).isPositive();
    assertThat(vela.metric("^vela_branch_wake_seconds_count\\{.*kind=\"create\"")).isPositive();
    assertThat(vela.metric("^vela_client_connections_total\\{")).isPositive();
    assertThat(vela.metric("^vela_relay_bytes_total\\{")).isPositive();
    assertThat(vela.metric("^vela_requests_total")).isPositive();
    assertThat(vela.metric("^vela_pool_bytes\\{.*kind=\"free\"")).isPositive();
    assertThat(vela.metric("^vela_catalog_up")).isEqualTo(1);
    assertThat(vela.metric("^vela_snapshot_age_seconds\\{.*baseline=\"main\"")).isPositive();
    assertThat(io.vela.it.support.Http.get(vela.httpUrl() + "/healthz")).isNotEmpty();
  }

  /** Runs a script with the package pg, which npm brings. */
  static Run.Outcome node(String script, String... arguments) throws Exception {
    var node = Machine.node();
    var folder = Path.of("target", "node").toAbsolutePath();
    Files.createDirectories(folder);
    if (!Files.isDirectory(folder.resolve("node_modules/pg"))) {
      Run.program(
              "npm", "install", "--no-audit", "--no-fund", "--prefix", folder.toString(), "pg@8")
          .text();
    }
    var file = Files.createTempFile(folder, "script", ".cjs");
    Files.writeString(file, script);
    var command = new java.util.ArrayList<>(List.of(node, file.toString()));
    command.addAll(List.of(arguments));
    return Run.program(Map.of(), command);
  }
}
