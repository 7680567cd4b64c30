package io.vela.proxy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.abort;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.agent.CloneException;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.DebianPackages;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.value.HostPort;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** psql, as a real process, through the proxy to a real Postgres. */
class PsqlTest {
  private static final Logger log = LoggerFactory.getLogger(PsqlTest.class);

  private static RealPostgres postgres;
  private static String program;

  @TempDir private Path outputs;
  private ScriptedRouter router;
  private ProxyServer server;

  @BeforeAll
  static void startPostgres() throws Exception {
    postgres = RealPostgres.start();
    postgres.sql("create role app login password 'right'");
    program = find();
  }

  /** As root it is installed when missing; else these tests cannot run, and say so. */
  private static String find() throws Exception {
    try {
      return new DebianPackages(log::warn).ensure("psql", "postgresql-client").toString();
    } catch (CloneException e) {
      if ("true".equals(System.getenv("CI"))) {
        throw e;
      }
      log.warn("NOT RUN: all of PsqlTest: {}", e.failure());
      return abort("psql is missing");
    }
  }

  @AfterAll
  static void stopPostgres() {
    postgres.close();
  }

  @BeforeEach
  void startProxy() throws Exception {
    router = new ScriptedRouter(postgres.endpoint());
    router.roles.put("app", postgres.role("app"));
    server =
        ProxyServer.start(
            List.of(new ListenerConfig(new HostPort("127.0.0.1", 0), Optional.empty())),
            LimitsConfig.DEFAULT,
            NetworkConfig.DEFAULT,
            router,
            new SimpleMeterRegistry());
  }

  @AfterEach
  void stopProxy() {
    server.close(Duration.ofSeconds(5));
    for (var lease : router.leases) {
      assertThat(lease.closes).as("each lease is given back exactly once").hasValue(1);
    }
  }

  /** A process under way, and what it has written to both its outputs. */
  private record Running(Process process, Path output) {}

  private Running psql(String database, String password, String options, String sql)
      throws IOException {
    var command =
        Command.of(
                program,
                "-X",
                "-At",
                "-v",
                "VERBOSITY=verbose",
                "-h",
                "127.0.0.1",
                "-p",
                Integer.toString(server.addresses().getFirst().getPort()),
                "-U",
                "app",
                "-d",
                database,
                "-c",
                sql)
            .env("PGPASSWORD", password)
            .env("PGOPTIONS", options)
            .env("PGTZ", "Pacific/Chatham");
    var output = Files.createTempFile(outputs, "psql", ".out");
    return new Running(command.start(output), output);
  }

  private static String output(Running psql) throws Exception {
    assertThat(psql.process().waitFor(30, TimeUnit.SECONDS)).isTrue();
    return Files.readString(psql.output()).strip();
  }

  @Test
  void aQueryIsAnswered() throws Exception {
    assertThat(output(psql("postgres@pr-1", "right", "", "select current_user"))).isEqualTo("app");
  }

  @Test
  void theBranchCanBeNamedInTheOptionsBesideOthers() throws Exception {
    var sql =
        "select current_database() || ' ' || current_setting('work_mem') || ' '"
            + " || current_setting('TimeZone')";
    assertThat(output(psql("postgres", "right", "branch=pr-1 -c work_mem=123kB", sql)))
        .isEqualTo("postgres 123kB Pacific/Chatham");
  }

  @Test
  void aWrongPasswordReadsAsFromPostgres() throws Exception {
    assertThat(output(psql("postgres@pr-1", "wrong", "", "select 1")))
        .endsWith("FATAL:  password authentication failed for user \"app\"");
    assertThat(router.asked).isEmpty();
  }

  @Test
  void aMissingBranchReadsWithItsHint() throws Exception {
    assertThat(output(psql("postgres", "right", "", "select 1")))
        .contains("FATAL:  no branch was named")
        .contains("HINT:  Connect with dbname=DATABASE@BRANCH");
  }

  @Test
  void controlCCancelsTheQuery() throws Exception {
    var psql = psql("postgres@pr-1", "right", "", "select pg_sleep(60)");
    await()
        .until(
            () ->
                postgres
                    .sql(
                        "select count(*) from pg_stat_activity"
                            + " where query = 'select pg_sleep(60)' and state = 'active'")
                    .equals("1"));
    assertThat(Command.of("kill", "-INT", Long.toString(psql.process().pid())).run().ok()).isTrue();
    assertThat(output(psql)).contains("57014").contains("canceling statement due to user request");
  }

  @Test
  void aClientThatIsKilledLeavesNoBackendBehind() throws Exception {
    var psql = psql("postgres@pr-1", "right", "", "select pg_sleep(1)");
    await().until(() -> !router.leases.isEmpty());
    psql.process().destroyForcibly();
    await().untilAsserted(() -> assertThat(router.leases.getFirst().closes).hasValue(1));
  }
}
