package io.vela.agent.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.config.Durability;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A server whose configuration is production's, started under the guard. */
@TestInstance(Lifecycle.PER_CLASS)
class GuardTest {
  /** Setting, what the copied configuration says, what must hold. */
  private record Item(String setting, String copied, String held, int from, int below) {}

  private static Item item(String setting, String copied, String held) {
    return new Item(setting, copied, held, 14, 99);
  }

  private static final List<Item> ITEMS =
      List.of(
          item("archive_mode", "on", "off"),
          // Postgres shows it as disabled whenever archive_mode is off.
          item("archive_command", "touch /tmp/archived", "(disabled)"),
          item("restore_command", "touch /tmp/restored", ""),
          item("archive_cleanup_command", "touch /tmp/cleaned", ""),
          item("recovery_end_command", "touch /tmp/ended", ""),
          item("primary_conninfo", "host=production", ""),
          item("primary_slot_name", "standby", ""),
          item("synchronous_standby_names", "*", ""),
          item("recovery_target_time", "2030-01-01 00:00:00+00", ""),
          item("recovery_target_timeline", "current", "latest"),
          item("max_logical_replication_workers", "8", "0"),
          item("listen_addresses", "*", ""),
          item("port", "5999", "5432"),
          item("ssl", "on", "off"),
          item("unix_socket_permissions", "0777", "0700"),
          item("unix_socket_group", "postgres", ""),
          item("external_pid_file", "/tmp/production.pid", ""),
          item("shared_preload_libraries", "no_such_library", ""),
          item("session_preload_libraries", "no_such_library", ""),
          item("local_preload_libraries", "no_such_library", ""),
          item("cron.launch_active_jobs", "on", "off"),
          item("cron.max_running_jobs", "32", "0"),
          item("logging_collector", "on", "off"),
          item("log_destination", "syslog", "stderr"),
          item("shared_buffers", "64GB", "16MB"),
          item("huge_pages", "on", "off"),
          new Item("io_method", "worker", "sync", 18, 99),
          new Item("autovacuum_worker_slots", "16", "3", 18, 99),
          new Item("io_max_concurrency", "64", "4", 18, 99),
          item("data_directory", "/var/lib/postgresql/production", "DATA"),
          item("hba_file", "/etc/postgresql/production/pg_hba.conf", "BESIDE/pg_hba.conf"),
          item("ident_file", "/etc/postgresql/production/pg_ident.conf", "BESIDE/pg_ident.conf"),
          item("unix_socket_directories", "/var/run/postgresql", "RUN"),
          new Item("promote_trigger_file", "/tmp/promote", "", 14, 16),
          new Item("sync_replication_slots", "on", "off", 17, 99),
          new Item("synchronized_standby_slots", "standby", "", 17, 99));

  private final Map<Integer, PostgresInstance> instances = new LinkedHashMap<>();
  private final Sandbox sandbox;

  GuardTest() throws Exception {
    sandbox = new Sandbox();
  }

  @BeforeAll
  void start() throws Exception {
    for (int major : new int[] {Sandbox.FIFTEEN, Sandbox.EIGHTEEN}) {
      var copied = new ArrayList<String>();
      for (var item : ITEMS) {
        if (major >= item.from() && major < item.below()) {
          copied.add(item.setting() + " = '" + item.copied() + "'");
        }
      }
      var data = sandbox.cluster(major, "copied" + major, copied.toArray(String[]::new));
      instances.put(major, sandbox.guarded(major, data));
    }
  }

  @AfterAll
  void stop() throws Exception {
    sandbox.close();
  }

  static Stream<Arguments> items() {
    return Stream.of(Sandbox.FIFTEEN, Sandbox.EIGHTEEN)
        .flatMap(
            major ->
                ITEMS.stream()
                    .filter(item -> major >= item.from() && major < item.below())
                    .map(item -> Arguments.of(major, item.setting(), item.copied(), item.held())));
  }

  @ParameterizedTest(name = "Postgres {0}: {1} = {2} becomes \"{3}\"")
  @MethodSource("items")
  void theGuardHoldsWhateverTheCopiedConfigurationSays(
      int major, String setting, String copied, String held) throws Exception {
    var instance = instance(major);
    assertThat(sandbox.query(major, instance, "SHOW " + setting))
        .containsExactly(
            held.replace("RUN", instance.files().run().toString())
                .replace("BESIDE", String.valueOf(instance.files().run().getParent()))
                .replace("DATA", instance.files().data().toString()));
  }

  @ParameterizedTest
  @ValueSource(ints = {Sandbox.FIFTEEN, Sandbox.EIGHTEEN})
  void aSuperuserCannotTurnArchivingOrListeningOn(int major) throws Exception {
    var instance = instance(major);
    var sql = new InstanceSql(instance.files().endpoint(), major, "postgres");

    sql.run("postgres", "ALTER SYSTEM SET restore_command = 'touch /tmp/x'");
    sql.run("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
    sql.run("postgres", "SELECT pg_reload_conf()");
    var data = instance.files().data();
    instance.stop(Sandbox.TIMEOUT);
    instances.put(major, sandbox.guarded(major, data));

    assertThat(sandbox.query(major, instance(major), "SHOW restore_command")).containsExactly("");
    assertThat(sandbox.query(major, instance(major), "SHOW synchronous_standby_names"))
        .containsExactly("");
  }

  @Test
  void archiveLibraryIsOverriddenWhereItExists() throws Exception {
    var settings = settings(15, Durability.FULL);
    assertThat(settings).containsEntry("archive_library", "");
    assertThat(settings(14, Durability.FULL)).doesNotContainKey("archive_library");
  }

  @Test
  void durabilityIsAPolicy() {
    assertThat(settings(18, Durability.FULL))
        .containsEntry("synchronous_commit", "on")
        .containsEntry("full_page_writes", "on")
        .containsEntry("fsync", "on");
    assertThat(settings(18, Durability.ASYNC))
        .containsEntry("synchronous_commit", "off")
        .containsEntry("full_page_writes", "on")
        .containsEntry("fsync", "on");
    assertThat(settings(18, Durability.RELAXED))
        .containsEntry("synchronous_commit", "on")
        .containsEntry("full_page_writes", "on")
        .containsEntry("fsync", "off");
    assertThat(settings(18, Durability.NONE))
        .containsEntry("synchronous_commit", "off")
        .containsEntry("full_page_writes", "off")
        .containsEntry("fsync", "off");
  }

  private Map<String, String> settings(int major, Durability durability) {
    var files = sandbox.files(sandbox.root().resolve("data"));
    return Guard.settings(major, files, Preload.NONE, Sandbox.BUFFERS, durability);
  }

  private PostgresInstance instance(int major) {
    var instance = instances.get(major);
    assertThat(instance).isNotNull();
    return Objects.requireNonNull(instance);
  }
}
