package io.vela.agent.postgres;

import io.vela.config.Durability;
import io.vela.config.value.ByteSize;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * A clone of production must not act as production: the settings that hold on every start, whatever
 * the copied configuration says. They are given on the command line, which {@code postgresql.conf},
 * {@code ALTER SYSTEM}, roles and databases cannot override for settings of the whole server
 * (Postgres documentation, section 19.1.4).
 */
public final class Guard {
  /** Postgres's own default. */
  private static final String REPLICATION_CONNECTIONS = "10";

  /** Postgres's own default. */
  private static final String APPLY_WORKERS = "4";

  private Guard() {}

  /**
   * The settings for an instance, in a stable order.
   *
   * @param major Postgres's major version: one that does not know a setting would not start
   * @param files where the instance has its files
   * @param preload the libraries that it may load
   * @param sharedBuffers {@code shared_buffers}
   * @param durability what a commit promises; where the volume can keep that
   */
  public static Map<String, String> settings(
      int major,
      InstanceFiles files,
      Preload preload,
      ByteSize sharedBuffers,
      Durability durability) {
    var settings = new LinkedHashMap<String, String>();
    itsOwnFiles(settings, files);
    noWayIn(settings, files);
    noArchive(settings, major);
    noReplication(settings, major);
    noJobs(settings, preload);
    ownLog(settings);
    settings.put("shared_buffers", (sharedBuffers.bytes() >> 10) + "kB");
    // What the host has set aside was set aside for another server.
    settings.put("huge_pages", "off");
    if (major >= 18) {
      // Three processes less for each branch; what is not cached is read ahead by the kernel.
      settings.put("io_method", "sync");
      // Then a process has one I/O under way at a time; by default memory is set aside for more.
      settings.put("io_max_concurrency", "4");
      // Memory is set aside for each; as many as autovacuum_max_workers has by default.
      settings.put("autovacuum_worker_slots", "3");
    }
    durable(settings, durability);
    return settings;
  }

  /**
   * Lets an instance be replicated from, whatever the copied configuration says, and subscriptions
   * that are made in it work; those in the copied data were detached before.
   */
  public static void allowReplication(Map<String, String> settings) {
    settings.put("wal_level", "logical");
    settings.put("max_wal_senders", REPLICATION_CONNECTIONS);
    settings.put("max_replication_slots", REPLICATION_CONNECTIONS);
    settings.put("max_logical_replication_workers", APPLY_WORKERS);
  }

  /** As arguments of {@code postgres}. */
  static List<String> arguments(Map<String, String> settings) {
    return settings.entrySet().stream()
        .flatMap(entry -> List.of("-c", entry.getKey() + "=" + entry.getValue()).stream())
        .toList();
  }

  /** Debian's configuration names the production data directory; it would win over {@code -D}. */
  private static void itsOwnFiles(Map<String, String> settings, InstanceFiles files) {
    settings.put("data_directory", files.data().toString());
    settings.put("hba_file", files.accessRules().toString());
    settings.put("ident_file", files.userMaps().toString());
    settings.put("external_pid_file", "");
  }

  private static void noWayIn(Map<String, String> settings, InstanceFiles files) {
    settings.put("listen_addresses", "");
    settings.put("unix_socket_directories", files.run().toString());
    settings.put("unix_socket_group", "");
    settings.put("unix_socket_permissions", "0700");
    settings.put("port", String.valueOf(InstanceFiles.PORT));
    settings.put("ssl", "off");
    settings.put("bonjour", "off");
  }

  private static void noArchive(Map<String, String> settings, int major) {
    settings.put("archive_mode", "off");
    settings.put("archive_command", "");
    if (major >= 15) {
      settings.put("archive_library", "");
    }
    settings.put("restore_command", "");
    settings.put("archive_cleanup_command", "");
    settings.put("recovery_end_command", "");
  }

  private static void noReplication(Map<String, String> settings, int major) {
    settings.put("primary_conninfo", "");
    settings.put("primary_slot_name", "");
    settings.put("synchronous_standby_names", "");
    settings.put("recovery_target", "");
    settings.put("recovery_target_lsn", "");
    settings.put("recovery_target_name", "");
    settings.put("recovery_target_time", "");
    settings.put("recovery_target_xid", "");
    settings.put("recovery_target_timeline", "latest");
    // Nor does a subscription that is made in the branch follow anybody: without a launcher no
    // worker tries for ever, keeping the branch awake and filling its log.
    settings.put("max_logical_replication_workers", "0");
    if (major < 16) {
      settings.put("promote_trigger_file", "");
    }
    if (major >= 17) {
      settings.put("sync_replication_slots", "off");
      settings.put("synchronized_standby_slots", "");
    }
  }

  private static void noJobs(Map<String, String> settings, Preload preload) {
    settings.put("shared_preload_libraries", list(preload.shared()));
    settings.put("session_preload_libraries", list(preload.session()));
    settings.put("local_preload_libraries", list(preload.local()));
    // pg_cron: the first stops its jobs; versions that do not know it are stopped by the second.
    settings.put("cron.launch_active_jobs", "off");
    settings.put("cron.max_running_jobs", "0");
  }

  private static void ownLog(Map<String, String> settings) {
    settings.put("logging_collector", "off");
    settings.put("log_destination", "stderr");
  }

  private static void durable(Map<String, String> settings, Durability durability) {
    boolean synced = durability == Durability.FULL || durability == Durability.ASYNC;
    boolean waits = durability == Durability.FULL || durability == Durability.RELAXED;
    settings.put("fsync", synced ? "on" : "off");
    settings.put("synchronous_commit", waits ? "on" : "off");
    // A page is several blocks for the kernel: a kill in the middle of its write, and a commit of
    // the file system likewise, may leave half of it.
    settings.put("full_page_writes", durability == Durability.NONE ? "off" : "on");
  }

  /** What a server promises that was started with these arguments. */
  static Durability durability(List<String> arguments) {
    boolean synced = !arguments.contains("fsync=off");
    boolean waits = !arguments.contains("synchronous_commit=off");
    if (synced) {
      return waits ? Durability.FULL : Durability.ASYNC;
    }
    return waits ? Durability.RELAXED : Durability.NONE;
  }

  private static String list(List<String> libraries) {
    return libraries.stream().map(name -> '"' + name + '"').collect(Collectors.joining(","));
  }
}
