package io.vela.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.agent.postgres.Sandbox;
import io.vela.config.value.Secret;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A clone of a production server does not act as production. */
class GuardedCloneTest {
  private static final int MAJOR = Sandbox.FIFTEEN;

  private final ServiceFixture fixture;
  private final Sandbox sandbox;

  GuardedCloneTest() throws Exception {
    fixture = new ServiceFixture();
    sandbox = fixture.sandbox;
  }

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }

  @Test
  void aCloneOfAServerThatArchivesArchivesNothing() throws Exception {
    var archive = sandbox.folder("archive");
    var production =
        production(
            sandbox.cluster(
                MAJOR,
                "production",
                "archive_mode = on",
                "archive_command = 'touch " + archive + "/%f'"));
    production.sql("CREATE TABLE t (i int)", "SELECT pg_switch_wal()");
    await().atMost(Sandbox.TIMEOUT).until(() -> !names(archive).isEmpty());
    var snapshot = fixture.snapshot(physical(production));
    production.stop();
    for (var name : names(archive)) {
      Files.delete(archive.resolve(name));
    }

    var id = fixture.started(snapshot);
    fixture.sql(id, "INSERT INTO t VALUES (1)", "SELECT pg_switch_wal()", "CHECKPOINT");

    assertThat(fixture.sql(id, "SHOW archive_mode")).containsExactly("off");
    fixture.service.stop(id, Sandbox.TIMEOUT);
    assertThat(names(archive)).isEmpty();
    assertThat(names(fixture.data(id).resolve("pg_wal/archive_status")))
        .noneMatch(name -> name.endsWith(".ready") && !name.contains("backup"));
  }

  @Test
  void aCloneOfASubscriberDoesNotConnectToItsPublisher() throws Exception {
    var publisher =
        production(
            sandbox.cluster(
                MAJOR, "publisher", "wal_level = logical", "log_replication_commands = on"));
    publisher.sql("CREATE TABLE t (i int)", "CREATE PUBLICATION pub FOR TABLE t");
    var subscriber = production(sandbox.cluster(MAJOR, "subscriber"));
    subscriber.sql(
        "CREATE TABLE t (i int)",
        "CREATE SUBSCRIPTION sub CONNECTION 'host=127.0.0.1 port=%d user=postgres password=secret dbname=postgres' PUBLICATION pub"
            .formatted(publisher.address().port()));
    publisher.sql("INSERT INTO t VALUES (1)");
    await()
        .atMost(Sandbox.TIMEOUT)
        .until(() -> subscriber.sql("SELECT i FROM t").equals(List.of("1")));
    subscriber.stop();
    var log = publisher.log();
    await().atMost(Sandbox.TIMEOUT).until(() -> walsenders(publisher).isEmpty());
    long connections = replicationCommands(log);
    assertThat(connections).isPositive();

    var snapshot = fixture.snapshot(new Source.Directory(subscriber.data().toString()));
    var id = fixture.started(snapshot);
    publisher.sql("INSERT INTO t VALUES (2)");

    assertThat(
            fixture.sql(
                id,
                "SELECT subname || subenabled || coalesce(subslotname, '-') FROM pg_subscription"))
        .containsExactly("subfalse-");
    await()
        .during(Duration.ofSeconds(2))
        .atMost(Sandbox.TIMEOUT)
        .until(
            () ->
                walsenders(publisher).isEmpty()
                    && publisher.sql("SELECT active FROM pg_replication_slots").equals(List.of("f"))
                    && replicationCommands(log) == connections);
    assertThat(fixture.sql(id, "SELECT i FROM t")).containsExactly("1");
    assertThat(fixture.sql(id, "DROP SUBSCRIPTION sub")).isEmpty();
  }

  @Test
  void aCloneOfAPublisherHasNoSlots() throws Exception {
    var publisher = production(sandbox.cluster(MAJOR, "publisher", "wal_level = logical"));
    publisher.sql(
        "SELECT pg_create_physical_replication_slot('standby', true)",
        "SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')");
    publisher.stop();

    var id = fixture.started(fixture.snapshot(new Source.Directory(publisher.data().toString())));

    assertThat(fixture.sql(id, "SELECT slot_name FROM pg_replication_slots")).isEmpty();
  }

  @Test
  void aCloneOfAStandbyIsNoStandby() throws Exception {
    var data =
        sandbox.cluster(
            MAJOR,
            "standby",
            "primary_conninfo = 'host=127.0.0.1 port=1'",
            "restore_command = 'touch " + sandbox.root() + "/restored; false'",
            "recovery_target_action = 'shutdown'");
    Files.createFile(data.resolve("standby.signal"));
    Files.createFile(data.resolve("recovery.signal"));

    var id = fixture.started(fixture.snapshot(new Source.Directory(data.toString())));

    assertThat(fixture.sql(id, "SELECT pg_is_in_recovery()")).containsExactly("f");
    assertThat(sandbox.root().resolve("restored")).doesNotExist();
    assertThat(data.resolve("standby.signal")).exists();
  }

  @Test
  void aLibraryThatIsNotInstalledHereIsLeftOutAndOneThatIsStays() throws Exception {
    var data =
        sandbox.cluster(
            MAJOR,
            "production",
            "shared_preload_libraries = 'pg_cron, auto_explain, \"$libdir/no_such\", pglogical'",
            "session_preload_libraries = 'no_such'",
            "cron.database_name = 'app'");

    var id = fixture.started(fixture.snapshot(new Source.Directory(data.toString())));

    assertThat(fixture.sql(id, "SHOW shared_preload_libraries"))
        .containsExactly("\"auto_explain\"");
    assertThat(fixture.sql(id, "SHOW session_preload_libraries")).containsExactly("");
    assertThat(fixture.sql(id, "SHOW auto_explain.log_min_duration")).containsExactly("-1");
    assertThat(fixture.sql(id, "SHOW cron.launch_active_jobs")).containsExactly("off");
  }

  @Test
  void aRoleOrDatabaseThatLoadsAMissingLibraryCanStillBeLoggedInto() throws Exception {
    var production = production(sandbox.cluster(MAJOR, "production"));
    production.sql(
        "CREATE ROLE \"An App\" LOGIN",
        "ALTER ROLE \"An App\" SET session_preload_libraries = 'no_such', 'auto_explain'",
        "ALTER ROLE \"An App\" SET work_mem = '5MB'",
        "ALTER ROLE \"An App\" IN DATABASE postgres SET session_preload_libraries = 'auto_explain'",
        "ALTER DATABASE postgres SET local_preload_libraries = 'no_such'",
        "ALTER DATABASE postgres SET work_mem = '6MB'");
    production.stop();

    var id = fixture.started(fixture.snapshot(new Source.Directory(production.data().toString())));

    assertThat(fixture.sql(id, "SHOW work_mem")).containsExactly("6MB");
    assertThat(
            fixture.sql(
                id,
                "SELECT setrole::regrole || ' ' || setdatabase::text::int::bool || ' ' ||"
                    + " setconfig::text FROM pg_db_role_setting ORDER BY 1"))
        .containsExactly(
            "\"An App\" false {session_preload_libraries=auto_explain,work_mem=5MB}",
            "\"An App\" true {session_preload_libraries=auto_explain}",
            "- true {work_mem=6MB}");
  }

  @Test
  void dataThatCameWithoutAConfigurationGetsTheSourcesSettings() throws Exception {
    var data =
        sandbox.cluster(
            MAJOR,
            "production",
            "max_connections = 77",
            "work_mem = '5MB'",
            "log_line_prefix = 'it''s \\\\ '");
    var configuration = sandbox.folder("etc").resolve("postgresql.conf");
    Files.move(data.resolve("postgresql.conf"), configuration);
    Files.write(
        configuration,
        List.of("data_directory = '" + data + "'", "hba_file = '" + data + "/pg_hba.conf'"),
        StandardOpenOption.APPEND);
    var production =
        sandbox.production(MAJOR, data, Map.of("config_file", configuration.toString()));

    var id = fixture.started(fixture.snapshot(physical(production)));

    assertThat(fixture.sql(id, "SHOW max_connections")).containsExactly("77");
    assertThat(fixture.sql(id, "SHOW log_line_prefix")).containsExactly("it's \\ ");
    assertThat(fixture.sql(id, "SHOW work_mem")).containsExactly("5MB");
    assertThat(fixture.sql(id, "SHOW data_directory")).containsExactly(fixture.data(id).toString());
  }

  @Test
  void aConfigurationThatNamesTheProductionDataDirectoryDoesNotLeadThere() throws Exception {
    var production = sandbox.cluster(MAJOR, "production");
    Files.writeString(
        production.resolve("postgresql.conf"),
        "data_directory = '" + production + "'\n",
        StandardOpenOption.APPEND);

    var id = fixture.started(fixture.snapshot(new Source.Directory(production.toString())));

    fixture.sql(id, "CREATE TABLE only_here (i int)");
    assertThat(production.resolve("postmaster.pid")).doesNotExist();
  }

  @Test
  void preparedTransactionsOfTheSourceAreStillThere() throws Exception {
    var production =
        production(sandbox.cluster(MAJOR, "production", "max_prepared_transactions = 5"));
    production.sql("BEGIN; CREATE TABLE two (i int); PREPARE TRANSACTION 'two'");

    var id = fixture.started(fixture.snapshot(physical(production)));

    assertThat(fixture.sql(id, "SELECT gid FROM pg_prepared_xacts")).containsExactly("two");
    assertThat(fixture.service.activity(id).uses()).isEmpty();
  }

  private Sandbox.Production production(Path data) throws Exception {
    return sandbox.production(MAJOR, data, Map.of());
  }

  private Source.Physical physical(Sandbox.Production production) throws Exception {
    sandbox.client("pg_basebackup");
    return new Source.Physical(production.address(), "postgres", Optional.of(new Secret("secret")));
  }

  private static List<String> walsenders(Sandbox.Production publisher) throws Exception {
    return publisher.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walsender'");
  }

  private static long replicationCommands(Path log) throws Exception {
    try (var lines = Files.lines(log)) {
      return lines.filter(line -> line.contains("received replication command")).count();
    }
  }

  private static List<String> names(Path folder) throws Exception {
    try (var files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }
}
