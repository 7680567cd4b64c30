package io.vela.proxy.park;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.vela.config.ParkPolicy.UnseenSettings;
import io.vela.proxy.RealPostgres;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/**
 * Whatever a session has done, once moved to another backend its client is told the same, byte for
 * byte, as one whose session did the same and was never moved. And when it is asked for its state
 * and then not moved, nobody can tell.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class MovedSessions {
  private static final String ALL_SETTINGS =
      "SELECT name, setting, source FROM pg_catalog.pg_settings ORDER BY name";

  private static final String ALL_STATEMENTS =
      """
      SELECT name, statement, parameter_types::text, from_sql
      FROM pg_catalog.pg_prepared_statements ORDER BY name
      """;

  /** What a client says. */
  interface Script {
    String tell(Client client) throws Exception;
  }

  record Row(String what, Script before, Script after, List<String> startup) {
    Row(String what, Script before, Script after) {
      this(what, before, after, List.of());
    }

    @Override
    public String toString() {
      return what;
    }
  }

  private static Script sql(String... texts) {
    return client -> {
      var all = new StringBuilder();
      for (var text : texts) {
        all.append(client.query(text));
      }
      return all.toString();
    };
  }

  private static Row row(String what, String before, String after) {
    return new Row(what, sql(before), sql(after));
  }

  private static Row setting(String name, String value) {
    return row(name + " = " + value, "SET " + name + " = " + value, "SHOW " + name);
  }

  private static String untilInTime(Client client, String sql) throws Exception {
    String told;
    do {
      told = client.query(sql);
    } while (told.contains("C57014"));
    return told;
  }

  static final List<Row> ROWS =
      List.of(
          row("nothing", "SELECT 1", "SELECT 1"),
          setting("work_mem", "'5MB'"),
          setting("work_mem", "'4MB'"),
          setting("DateStyle", "'SQL, DMY'"),
          setting("TimeZone", "'Asia/Kolkata'"),
          setting("standard_conforming_strings", "off"),
          setting("row_security", "off"),
          setting("default_transaction_read_only", "on"),
          setting("default_transaction_isolation", "serializable"),
          setting("session_replication_role", "replica"),
          setting("lock_timeout", "1"),
          setting("idle_in_transaction_session_timeout", "1"),
          setting("application_name", "'a''b\"c'"),
          row(
              "time zone as an interval",
              "SET TIME ZONE INTERVAL '+02:30' HOUR TO MINUTE",
              "SHOW timezone"),
          row(
              "serializable, read only, deferrable",
              "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY,"
                  + " DEFERRABLE",
              "SHOW transaction_deferrable"),
          new Row(
              "a short statement_timeout",
              sql("SET statement_timeout = 15"),
              sql("SHOW statement_timeout", "SET statement_timeout = 0")),
          new Row(
              "a statement_timeout of the startup's that strikes",
              client -> "",
              client ->
                  untilInTime(client, "SHOW statement_timeout")
                      + untilInTime(client, "SET statement_timeout = 0"),
              List.of("options", "-c statement_timeout=1")),
          row(
              "search_path with objects that shadow",
              "SET search_path = evil, pg_catalog",
              "SHOW search_path; SELECT current_setting('work_mem'), count(*) FROM pg_settings"),
          row(
              "client_encoding",
              "SET client_encoding = 'LATIN1'; SET app.name = E'\\u00e9t\\u00e9'",
              "SHOW client_encoding; SELECT current_setting('app.name'), U&'\\00e9'"),
          row("custom setting", "SET app.tenant = '7'", "SELECT current_setting('app.tenant')"),
          row(
              "custom setting, empty",
              "SET app.tenant = '7'; RESET app.tenant",
              "SELECT current_setting('app.tenant') = ''"),
          row(
              "custom setting by set_config",
              "SELECT set_config('app.Tenant', 'x', false)",
              "SELECT current_setting('app.tenant')"),
          row(
              "custom setting by a function",
              "SELECT remember('y')",
              "SELECT current_setting('app.remembered')"),
          row(
              "custom setting in a DO block",
              "DO $do$ BEGIN EXECUTE 'SET app.done = ''1'''; END $do$",
              "DO $$ BEGIN END $$; SELECT current_setting('app.done')"),
          row("role", "SET ROLE weak", "SHOW role; SELECT current_user, session_user"),
          row(
              "session authorization",
              "SET SESSION AUTHORIZATION weak",
              "SELECT current_user, session_user; RESET SESSION AUTHORIZATION;"
                  + " SELECT current_user"),
          row(
              "superuser's settings under a weak role",
              "SET log_min_messages = 'error'; SET SESSION AUTHORIZATION weak; SET ROLE weaker",
              "SELECT current_user, session_user; RESET ROLE; SELECT current_user;"
                  + " RESET SESSION AUTHORIZATION; SHOW log_min_messages"),
          new Row(
              "startup parameters, overridden",
              sql("SET work_mem = '6MB'; SET app.option = 'other'; SET client_encoding = 'LATIN1'"),
              sql("SHOW work_mem; RESET ALL; SHOW work_mem", "SHOW app.option", "DISCARD ALL"),
              List.of(
                  "options", "-c work_mem=7MB -c app.option=first", "application_name", "tester")),
          new Row(
              "LISTEN",
              sql("LISTEN \"a \"\"b\"; LISTEN c"),
              client ->
                  client.query("NOTIFY \"a \"\"b\", 'x'; NOTIFY c; NOTIFY d")
                      + client.notifications().stream().distinct().sorted().toList()),
          new Row(
              "prepared statement",
              client -> client.prepare("s", "SELECT $1 || ':' || $2, $2 = 'b'"),
              client -> client.execute("s", "a", "b") + client.query(ALL_STATEMENTS)),
          new Row(
              "prepared statement with types",
              client -> client.prepare("s", "SELECT $1", 25) + client.prepare("t", "LISTEN x"),
              client -> client.execute("s", "a") + client.query(ALL_STATEMENTS)),
          new Row(
              "prepared statement in a schema of the search_path",
              client ->
                  client.query("SET search_path = other; SET ROLE weak")
                      + client.prepare("s", "SELECT * FROM only_there"),
              client -> client.execute("s")),
          new Row(
              "200 prepared statements",
              client -> {
                for (int i = 0; i < 200; i++) {
                  client.prepare("s" + i, "SELECT " + i);
                }
                return "";
              },
              client -> client.execute("s199") + client.query(ALL_STATEMENTS)),
          new Row(
              "unnamed statement",
              client -> client.query("SELECT 1") + client.prepare("", "SELECT $1 || 'u'"),
              client -> client.execute("", "a") + client.execute("", "b")),
          row(
              "PREPARE",
              "PREPARE p (int) AS SELECT $1 + 1;",
              "EXECUTE p(1); DEALLOCATE p; " + ALL_STATEMENTS),
          row("LOAD", "LOAD 'auto_explain'", "SHOW auto_explain.log_analyze"),
          row(
              "temporary objects that are gone",
              "CREATE TEMP TABLE gone (a int); DROP TABLE gone; CREATE TEMP TABLE gone (b int);"
                  + " DISCARD TEMP",
              "SELECT count(*) FROM pg_class WHERE relname = 'gone'"),
          new Row(
              "bytes of no encoding",
              client ->
                  client.query("SET app.bytes = E'\\xe9\\xff'")
                      + client.prepare("s\u00e9", "SELECT '\u00ff'"),
              client -> client.query("SHOW app.bytes") + client.execute("s\u00e9"),
              List.of("database", "bytes")));

  private final RealPostgres postgres;
  private final EventLoopGroup loops =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());

  MovedSessions(int major) throws Exception {
    postgres = RealPostgres.start(major);
    postgres.sql(
        """
        CREATE ROLE weak; CREATE ROLE weaker; GRANT weaker TO weak;
        CREATE ROLE login LOGIN; GRANT weak TO login;
        CREATE SCHEMA other CREATE TABLE only_there (a int);
        GRANT USAGE ON SCHEMA other TO weak; GRANT SELECT ON other.only_there TO weak;
        CREATE SEQUENCE counter; GRANT ALL ON counter TO public;
        CREATE FUNCTION remember(text) RETURNS text LANGUAGE sql
          AS $$ SELECT set_config('app.remembered', $1, false) $$;
        CREATE SCHEMA evil;
        CREATE FUNCTION evil.shout(text, text) RETURNS boolean LANGUAGE plpgsql
          AS $$ BEGIN RAISE EXCEPTION 'shadowed'; END $$;
        CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.shout);
        CREATE OPERATOR evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.shout);
        CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE sql
          AS $$ SELECT 'shadowed' $$;
        CREATE VIEW evil.pg_settings AS SELECT 'shadowed' AS name;
        """);
    postgres.sql(
        "CREATE DATABASE bytes TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc"
            + " LC_COLLATE 'C' LC_CTYPE 'C'");
  }

  private Client client() throws Exception {
    return client(List.of());
  }

  private Client client(List<String> startup) throws Exception {
    return new Client(postgres, loops.next(), startup);
  }

  @AfterAll
  void stop() {
    var _ = loops.shutdownGracefully();
    postgres.close();
  }

  @ParameterizedTest
  @FieldSource("ROWS")
  void isToldTheSame(Row row) throws Exception {
    try (var moved = client(row.startup());
        var stayed = client(row.startup())) {
      assertThat(row.before().tell(moved)).isEqualTo(row.before().tell(stayed));

      moved.move();

      assertThat(moved.parameters()).isEqualTo(stayed.parameters());
      assertThat(row.after().tell(moved)).isEqualTo(row.after().tell(stayed));
      assertThat(moved.query(ALL_SETTINGS)).isEqualTo(stayed.query(ALL_SETTINGS));
    }
  }

  @ParameterizedTest
  @FieldSource("ROWS")
  void isToldTheSameThoughItWasAskedForItsState(Row row) throws Exception {
    try (var asked = client(row.startup());
        var left = client(row.startup())) {
      assertThat(row.before().tell(asked)).isEqualTo(row.before().tell(left));

      assertThat(asked.capture()).isInstanceOf(Captured.Memory.class);

      assertThat(asked.parameters()).isEqualTo(left.parameters());
      assertThat(row.after().tell(asked)).isEqualTo(row.after().tell(left));
      assertThat(asked.query(ALL_SETTINGS)).isEqualTo(left.query(ALL_SETTINGS));
      assertThat(asked.query(ALL_STATEMENTS)).isEqualTo(left.query(ALL_STATEMENTS));
    }
  }

  @Test
  void aChangedRowShapeIsAnsweredAsByPostgres() throws Exception {
    postgres.sql("CREATE TABLE shape (a int)");
    try (var moved = client();
        var stayed = client()) {
      for (var client : List.of(moved, stayed)) {
        client.prepare("s", "SELECT * FROM shape");
        client.prepare("t", "SELECT 1");
        client.execute("s");
      }

      moved.move(() -> postgres.sql("ALTER TABLE shape ADD b int"));

      assertThat(fields(moved.execute("s")))
          .isEqualTo(fields(stayed.execute("s")))
          .contains("C0A000", "Mcached plan must not change result type");
      assertThat(moved.execute("t")).isEqualTo(stayed.execute("t"));
    }
    postgres.sql("DROP TABLE shape");
  }

  @Test
  void aDroppedTableIsAnsweredAsByPostgres() throws Exception {
    postgres.sql("CREATE TABLE dropped (a int)");
    try (var moved = client();
        var stayed = client()) {
      for (var client : List.of(moved, stayed)) {
        client.prepare("s", "SELECT * FROM dropped");
        client.prepare("t", "SELECT 1");
      }

      moved.move(() -> postgres.sql("DROP TABLE dropped"));

      assertThat(fields(moved.execute("s")))
          .isEqualTo(fields(stayed.execute("s")))
          .contains("C42P01");
      assertThat(moved.execute("t")).isEqualTo(stayed.execute("t"));
    }
  }

  /** Severity, code and message of the error among what was told. */
  private static List<String> fields(String messages) {
    var error = messages.lines().filter(line -> line.startsWith("E")).findFirst().orElseThrow();
    return List.of(error.substring(1).split("\\|", -1)).stream()
        .filter(field -> !field.isEmpty() && "SVCM".indexOf(field.charAt(0)) >= 0)
        .toList();
  }

  @Test
  void whatTheDatabaseGaveAtStartIsKept() throws Exception {
    postgres.sql("ALTER DATABASE postgres SET work_mem = '9MB'");
    try (var moved = client()) {
      moved.move(() -> postgres.sql("ALTER DATABASE postgres RESET work_mem"));

      assertThat(moved.query("SHOW work_mem")).contains("9MB");
    } finally {
      postgres.sql("ALTER DATABASE postgres RESET ALL");
    }
  }

  @Test
  void aSessionThatCannotBeRestoredIsNotRestoredByHalves() throws Exception {
    postgres.sql("CREATE ROLE brief");
    try (var moved = client()) {
      moved.query("SET work_mem = '5MB'; SET ROLE brief");
      var memory = ((Captured.Memory) moved.capture()).memory();
      postgres.sql("DROP ROLE brief");
      try (var other = client()) {
        assertThat(other.restore(memory)).isInstanceOf(Restored.Failed.class);
        // It is to be closed; what it has been given meanwhile was to last only as a whole.
        assertThat(other.query("ROLLBACK; SHOW work_mem")).contains("4MB");
      }
    }
  }

  @Test
  void whoHoldsALockIsNotWaitedFor() throws Exception {
    postgres.sql("CREATE TABLE locked (a int)");
    try (var client = client();
        var locker = client()) {
      client.prepare("s", "SELECT * FROM locked");
      locker.query("BEGIN; LOCK TABLE locked IN ACCESS EXCLUSIVE MODE");

      var captured = client.capture();

      assertThat(captured)
          .isInstanceOfSatisfying(
              Captured.Failed.class, failed -> assertThat(failed.backendLost()).isFalse());
      locker.query("ROLLBACK");
      assertThat(client.execute("s")).endsWith("ZI\n");
    }
    postgres.sql("DROP TABLE locked");
  }

  @Test
  void aBackendThatIsEndedMeanwhileIsLostWithItsLastWords() throws Exception {
    try (var client = client();
        var locker = client()) {
      locker.query("BEGIN; LOCK TABLE pg_catalog.pg_policy IN ACCESS EXCLUSIVE MODE");
      var waiting = " FROM pg_locks WHERE NOT granted";
      try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
        var captured = threads.submit(() -> client.capture());
        await().until(() -> postgres.sql("SELECT count(*)" + waiting).equals("1"));

        postgres.sql("SELECT pg_terminate_backend(pid)" + waiting);

        assertThat(captured.get())
            .isInstanceOfSatisfying(
                Captured.Failed.class,
                failed -> {
                  assertThat(failed.backendLost()).isTrue();
                  assertThat(failed.cause()).contains("57P01");
                  assertThat(failed.farewell()).isPresent();
                });
      }
    }
  }

  @Test
  void whatIsNotifiedWhileTheSessionIsAskedReachesTheClient() throws Exception {
    try (var client = client();
        var locker = client()) {
      client.query("LISTEN news");
      locker.query("BEGIN; LOCK TABLE pg_catalog.pg_policy IN ACCESS EXCLUSIVE MODE");
      var waiting = " FROM pg_locks WHERE NOT granted";
      try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
        var captured = threads.submit(() -> client.capture());
        await().until(() -> postgres.sql("SELECT count(*)" + waiting).equals("1"));

        postgres.sql("NOTIFY news, 'x'");
        locker.query("COMMIT");

        assertThat(captured.get()).isInstanceOf(Captured.Memory.class);
        assertThat(client.notifications()).containsExactly("news|x|");
      }
    }
  }

  @Test
  void aBackendThatDoesNotAnswerIsNotWaitedForForEver() throws Exception {
    try (var client = client(List.of("application_name", "to be paused"))) {
      int backend =
          Integer.parseInt(
              postgres.sql(
                  "SELECT pid FROM pg_stat_activity WHERE application_name = 'to be paused'"));
      postgres.pause(backend);
      try {
        var captured = client.capture(UnseenSettings.VETO, Duration.ofMillis(100));

        assertThat(captured)
            .isInstanceOfSatisfying(
                Captured.Failed.class,
                failed -> {
                  assertThat(failed.backendLost()).isTrue();
                  assertThat(failed.cause()).contains("no answer within 100 ms");
                  assertThat(failed.farewell()).isEmpty();
                });
      } finally {
        postgres.unpause(backend);
      }
    }
  }

  record Veto(VetoReason reason, String detail, String before, List<String> startup) {
    @Override
    public String toString() {
      return reason + " " + before;
    }
  }

  private static Veto veto(VetoReason reason, String detail, String before) {
    return new Veto(reason, detail, before, List.of());
  }

  static final List<Veto> VETOES =
      List.of(
          veto(VetoReason.TEMPORARY_OBJECT, "table", "CREATE TEMP TABLE t (a int)"),
          veto(
              VetoReason.TEMPORARY_OBJECT,
              "function",
              "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
          veto(VetoReason.TEMPORARY_OBJECT, "type", "CREATE TYPE pg_temp.e AS ENUM ('a')"),
          veto(VetoReason.HELD_CURSOR, "held", "DECLARE held CURSOR WITH HOLD FOR SELECT 1"),
          veto(VetoReason.ADVISORY_LOCK, "4294967297", "SELECT pg_advisory_lock(4294967297)"),
          veto(VetoReason.ADVISORY_LOCK, "1, 2", "SELECT pg_advisory_lock_shared(1, 2)"),
          veto(VetoReason.SEQUENCE_VALUE, "nextval", "SELECT nextval('counter')"),
          veto(VetoReason.SQL_PREPARE, "q", "SELECT 1; PREPARE q AS SELECT 2"),
          veto(
              VetoReason.TEMPORARY_SLOT,
              "brief",
              "SELECT pg_create_physical_replication_slot('brief', true, true)"),
          veto(
              VetoReason.REPLICATION_ORIGIN,
              "set up",
              "SELECT pg_replication_origin_create('o' || pg_backend_pid());"
                  + " SELECT pg_replication_origin_session_setup('o' || pg_backend_pid())"),
          new Veto(
              VetoReason.SETTING,
              "permission denied",
              "SELECT elevated()",
              List.of("user", "login")),
          new Veto(
              VetoReason.UNSEEN_SETTINGS,
              "hidden(text)",
              "SELECT 1",
              List.of("database", "protected")));

  @ParameterizedTest
  @FieldSource("VETOES")
  void isNotMoved(Veto veto) throws Exception {
    prepareForVetoes();
    try (var client = client(veto.startup())) {
      client.query(veto.before());
      client.prepare("", "SELECT 42::text");
      var settings = client.send(Client.messages().query(ALL_SETTINGS), 1);
      client.prepare("", "SELECT 42::text");

      var captured = client.capture();

      assertThat(captured).isInstanceOf(Captured.Vetoed.class);
      var vetoed = (Captured.Vetoed) captured;
      assertThat(vetoed.reason()).isEqualTo(veto.reason());
      assertThat(vetoed.detail()).contains(veto.detail());
      assertThat(client.execute("")).contains("42").endsWith("ZI\n");
      assertThat(client.query(ALL_SETTINGS)).isEqualTo(settings);
    }
  }

  private void prepareForVetoes() throws Exception {
    postgres.sql(
        """
        CREATE OR REPLACE FUNCTION elevated() RETURNS text LANGUAGE sql SECURITY DEFINER
          AS $$ SELECT set_config('log_min_messages', 'error', false) $$
        """);
    if (postgres.sql("SELECT datname FROM pg_database WHERE datname = 'protected'").isEmpty()) {
      postgres.sql("CREATE DATABASE protected");
      try (var client = client(List.of("database", "protected"))) {
        client.query(
            """
            CREATE TABLE t (a int); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
            CREATE FUNCTION hidden(text) RETURNS text LANGUAGE sql
              AS $$ SELECT set_config('app.' || $1, '1', false) $$
            """);
      }
    }
  }
}
