package io.vela.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;
import static org.awaitility.Awaitility.await;

import io.vela.agent.CloneFailure.StartFailed;
import io.vela.agent.postgres.Sandbox;
import io.vela.config.Durability;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a superuser does to his own branch: what the guard holds is held at the next start, Vela's
 * own sessions see and run nothing of it, and what breaks the branch is told and breaks no more.
 */
@TestInstance(Lifecycle.PER_CLASS)
class BrokenByItsOwnerTest {
  private final ServiceFixture fixture;
  private final SnapshotInfo snapshot;
  private CloneId id = CloneId.random();

  BrokenByItsOwnerTest() throws Exception {
    fixture = new ServiceFixture();
    snapshot = fixture.snapshot(new Source.Empty(Sandbox.EIGHTEEN, List.of()));
  }

  @BeforeEach
  void start() throws Exception {
    id = fixture.started(snapshot);
  }

  @AfterEach
  void stop() throws Exception {
    fixture.service.stop(id, StopMode.IMMEDIATE, Sandbox.TIMEOUT);
  }

  @AfterAll
  void close() throws Exception {
    fixture.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"standby.signal", "recovery.signal"})
  void aSignalFileIsGoneAtTheNextStart(String name) throws Exception {
    fixture.sql(id, "COPY (SELECT 1) TO '" + fixture.data(id) + "/" + name + "'");
    assertThat(fixture.data(id).resolve(name)).exists();

    restart();

    assertThat(fixture.data(id).resolve(name)).doesNotExist();
    assertThat(fixture.sql(id, "SELECT pg_is_in_recovery()")).containsExactly("f");
    fixture.sql(id, "CREATE TABLE written (i int)");
  }

  @Test
  void settingsOfTheGuardWinOverAlterSystem() throws Exception {
    fixture.sql(
        id,
        "ALTER SYSTEM SET shared_buffers = '64GB'",
        "ALTER SYSTEM SET shared_preload_libraries = 'no_such'",
        "ALTER SYSTEM SET session_preload_libraries = 'no_such'",
        "ALTER SYSTEM SET archive_mode = 'on'",
        "ALTER SYSTEM SET listen_addresses = '*'",
        "ALTER SYSTEM SET max_logical_replication_workers = 8");

    restart();

    assertThat(
            fixture.sql(
                id,
                "SHOW shared_buffers",
                "SHOW shared_preload_libraries",
                "SHOW session_preload_libraries",
                "SHOW archive_mode",
                "SHOW listen_addresses",
                "SHOW max_logical_replication_workers"))
        .containsExactly("16MB", "", "", "off", "", "0");
  }

  @Test
  void aBranchOfFullDurabilityCannotTurnFsyncOff() throws Exception {
    fixture.sql(id, "ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET full_page_writes = off");
    fixture.service.stop(id, Sandbox.TIMEOUT);

    fixture.service.start(id, new InstanceSettings(Durability.FULL, Sandbox.TIMEOUT, false));

    assertThat(fixture.sql(id, "SHOW fsync", "SHOW full_page_writes")).containsExactly("on", "on");
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '"',
      textBlock =
          """
          include 'no_such.conf' , configuration file
          max_connections = 1    , superuser_reserved_connections
          no_such_setting = 1    , no_such_setting
          wal_level = minimal    , wal_level
          """)
  void aStartThatTheOwnersSettingsKeepFromSucceedingIsToldWithTheLog(String line, String told)
      throws Exception {
    fixture.service.stop(id, Sandbox.TIMEOUT);
    Files.writeString(
        fixture.data(id).resolve("postgresql.auto.conf"), line + "\n", StandardOpenOption.APPEND);

    assertThatThrownBy(() -> fixture.service.start(id, ServiceFixture.SETTINGS))
        .asInstanceOf(type(CloneException.class))
        .extracting(CloneException::failure)
        .asInstanceOf(type(StartFailed.class))
        .extracting(StartFailed::detail)
        .asString()
        .contains(told);
    fixture.service.destroyClone(id);
    assertThat(fixture.pool.clone(id)).doesNotExist();
  }

  @Test
  void noLoginTriggerRunsWhenVelaItselfLogsIn() throws Exception {
    fixture.sql(
        id,
        "CREATE TABLE logins (application text)",
        "CREATE FUNCTION note() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql AS"
            + " $$BEGIN INSERT INTO public.logins VALUES (current_setting('application_name'));"
            + " END$$",
        "CREATE EVENT TRIGGER note ON login EXECUTE FUNCTION note()",
        "ALTER EVENT TRIGGER note ENABLE ALWAYS");

    askAll();

    // Only the session that asks.
    assertThat(fixture.sql(id, "SELECT count(*) FROM logins")).containsExactly("1");
  }

  @Test
  void aLoginTriggerThatRefusesEverybodyDoesNotRefuseVela() throws Exception {
    fixture.sql(
        id,
        "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS"
            + " $$BEGIN RAISE EXCEPTION 'nobody'; END$$",
        "CREATE EVENT TRIGGER refuse ON login EXECUTE FUNCTION refuse()");
    assertThatThrownBy(() -> fixture.sql(id, "SELECT 1")).hasMessageContaining("nobody");

    askAll();
    restart();
    askAll();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "session_preload_libraries = 'no_such'",
        "local_preload_libraries = 'no_such'",
        "role = 'nobody'",
        "search_path = 'evil'",
        "statement_timeout = 1",
        "transaction_timeout = 1",
        "idle_session_timeout = 1",
        "idle_in_transaction_session_timeout = 1",
        "default_transaction_read_only = on",
        "default_transaction_deferrable = on"
      })
  void whatARoleOrDatabaseSetsDoesNotHoldForVela(String setting) throws Exception {
    fixture.sql(
        id,
        "CREATE ROLE nobody",
        "ALTER ROLE postgres SET " + setting,
        "ALTER DATABASE postgres SET " + setting,
        "ALTER ROLE postgres IN DATABASE postgres SET " + setting,
        "ALTER ROLE ALL SET " + setting);

    askAll();
    restart();
    askAll();
  }

  @Test
  void aDelayOfLoginsDoesNotHoldForVela() throws Exception {
    fixture.sql(id, "ALTER SYSTEM SET post_auth_delay = 1000", "SELECT pg_reload_conf()");
    assertThatThrownBy(this::impatientLogin).isInstanceOf(SQLException.class);

    askAll();
  }

  @Test
  void aSubscriptionThatIsMadeInABranchFollowsNobody() throws Exception {
    subscribe();

    restart();

    assertThat(
            fixture.sql(
                id, "SELECT backend_type FROM pg_stat_activity WHERE backend_type LIKE 'logical%'"))
        .isEmpty();
    assertThat(fixture.service.activity(id).uses()).isEmpty();
    fixture.sql(
        id,
        "ALTER SUBSCRIPTION s DISABLE",
        "ALTER SUBSCRIPTION s SET (slot_name = NONE)",
        "DROP SUBSCRIPTION s");
  }

  @Test
  void whereReplicationIsAllowedASubscriptionWithoutItsPublisherDoesNotKeepTheBranchAwake()
      throws Exception {
    subscribe();
    fixture.service.stop(id, Sandbox.TIMEOUT);

    fixture.service.start(id, new InstanceSettings(Durability.RELAXED, Sandbox.TIMEOUT, true));

    var log = fixture.run.resolve(id.value() + ".log");
    await()
        .atMost(Duration.ofSeconds(60))
        .until(
            () ->
                Files.exists(log)
                    && Files.readString(log).contains("could not connect to the publisher"));
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> fixture.service.activity(id).uses().isEmpty());
  }

  private void subscribe() throws Exception {
    fixture.sql(
        id,
        "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p"
            + " WITH (connect = false)",
        "ALTER SUBSCRIPTION s ENABLE");
  }

  private void restart() throws Exception {
    fixture.service.stop(id, Sandbox.TIMEOUT);
    fixture.service.start(id, ServiceFixture.SETTINGS);
  }

  /** All that Vela asks an instance. */
  private void askAll() throws Exception {
    fixture.service.warmUp(id);
    var _ = fixture.service.activity(id);
    assertThat(fixture.service.role(id, "postgres")).isPresent();
    assertThat(fixture.service.refreshContents(id).databases())
        .extracting(Contents.Database::name)
        .contains("postgres");
  }

  private void impatientLogin() throws Exception {
    var properties = new Properties();
    properties.putAll(Sandbox.socket(fixture.socket(id)));
    properties.setProperty("socketTimeout", "2");
    DriverManager.getConnection("jdbc:postgresql://localhost/postgres", properties).close();
  }
}
