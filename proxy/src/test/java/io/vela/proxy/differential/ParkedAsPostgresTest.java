package io.vela.proxy.differential;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.router.BranchSession.State;
import io.vela.router.BranchSession.Veto;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A client whose session is parked and gets another backend sees, byte for byte, what one sees that
 * is connected to Postgres itself all the time.
 */
@ParameterizedClass
@MethodSource("majors")
final class ParkedAsPostgresTest {
  static List<Integer> majors() {
    return Side.majors();
  }

  /** What a client sends before and after its session is parked, and how many answers each has. */
  record Row(String what, Frontend before, int answersBefore, Frontend after, int answers) {
    @Override
    public String toString() {
      return what;
    }
  }

  private static Frontend q(String... queries) {
    var all = new Frontend();
    for (var query : queries) {
      all.query(query);
    }
    return all;
  }

  private static Row row(String what, String before, String... after) {
    return new Row(what, q(before), 1, q(after), after.length);
  }

  static final List<Row> ROWS =
      List.of(
          row("nothing", "SELECT 1", "SELECT 2"),
          row(
              "a setting",
              "SET work_mem = '5MB'",
              "SHOW work_mem",
              "RESET work_mem",
              "SHOW work_mem"),
          row(
              "a reported setting",
              "SET DateStyle = 'German, DMY'",
              "SELECT '2026-11-25'::date",
              "RESET ALL",
              "SELECT '2026-11-25'::date"),
          row("a custom setting", "SET app.tenant = '42'", "SELECT current_setting('app.tenant')"),
          row(
              "a custom setting of set_config",
              "SELECT set_config('app.tenant', 'x', false)",
              "SELECT current_setting('app.tenant')"),
          row("an error", "SELECT 1/0", "SELECT 1/0"),
          row("SQL PREPARE", "PREPARE p(int) AS SELECT $1 + 1", "EXECUTE p(1)"),
          new Row(
              "a named statement",
              new Frontend().parse("s", "SELECT $1::int + 1").sync(),
              1,
              new Frontend().bind("", "s", "41").describe('P', "").execute("", 0).sync(),
              1),
          new Row(
              "the unnamed statement",
              new Frontend().parse("", "SELECT $1::int + 1").sync(),
              1,
              new Frontend().bind("", "", "41").describe('P', "").execute("", 0).sync(),
              1),
          new Row(
              "no unnamed statement after a query",
              new Frontend().parse("", "SELECT 5").sync().query("SELECT 1"),
              2,
              new Frontend().bind("", "").execute("", 0).sync(),
              1),
          new Row(
              "an unnamed statement that failed later",
              new Frontend().parse("", "SELECT 1/$1::int").bind("", "", "0").execute("", 0).sync(),
              1,
              new Frontend().bind("", "", "1").execute("", 0).sync(),
              1),
          new Row(
              "a pipeline that wakes",
              q("SELECT 1"),
              1,
              new Frontend()
                  .parse("", "SELECT $1::int")
                  .bind("", "", "1")
                  .execute("", 0)
                  .sync()
                  .query("BEGIN")
                  .query("SELECT 7")
                  .query("COMMIT"),
              4),
          new Row(
              "an empty query by the extended protocol, then a real one",
              q("SELECT 1"),
              1,
              new Frontend()
                  .parse("", "")
                  .bind("", "")
                  .describe('P', "")
                  .execute("", 0)
                  .sync()
                  .query("SELECT 2"),
              2));

  private static final List<Frontend> PINGS =
      List.of(
          q(""),
          q(";"),
          q("  ; "),
          q("SELECT 1"),
          q("select 1;"),
          new Frontend().sync(),
          new Frontend().parse("", "").bind("", "").describe('P', "").execute("", 0).sync(),
          new Frontend().parse("", "").describe('S', "").bind("", "").execute("", 1).sync(),
          new Frontend().parse("", "SELECT 1").bind("", "").describe('P', "").execute("", 0).sync(),
          new Frontend()
              .parse("", "SELECT 1")
              .describe('S', "")
              .bind("", "")
              .execute("", 0)
              .sync());

  static List<Frontend> pings() {
    return PINGS;
  }

  private static final Map<Integer, Side> SIDES = new ConcurrentHashMap<>();

  private final Side side;

  ParkedAsPostgresTest(int major) throws Exception {
    if (!SIDES.containsKey(major)) {
      SIDES.put(major, new Side(major));
    }
    side = SIDES.get(major);
  }

  @AfterAll
  static void stop() {
    SIDES.values().forEach(Side::close);
  }

  private static final String USER = "postgres";

  private Peer direct() throws Exception {
    var peer = side.direct();
    peer.send(Side.startup(3 << 16, "user", USER));
    peer.readUntil('Z', 1);
    return peer;
  }

  private Peer throughVela() throws Exception {
    var peer = side.throughVela();
    peer.send(Side.startupWithToken(3 << 16, "user", USER));
    peer.readUntil('Z', 1);
    return peer;
  }

  private static <T> T get(CompletionStage<T> stage) throws Exception {
    return stage.toCompletableFuture().get(20, SECONDS);
  }

  private Optional<Veto> park() throws Exception {
    var session = side.session();
    await().atMost(20, SECONDS).until(() -> session.activity().state() == State.IDLE);
    var veto = get(session.prepareToPark());
    if (veto.isEmpty()) {
      assertThat(get(session.confirmParking())).isEmpty();
      session.park();
      await().atMost(20, SECONDS).until(() -> side.leases() == 0);
      assertThat(session.activity().state()).isEqualTo(State.PARKED);
    }
    return veto;
  }

  @ParameterizedTest
  @FieldSource("ROWS")
  void nobodySeesThatTheSessionWasParked(Row row) throws Exception {
    try (var direct = direct();
        var parked = throughVela()) {
      direct.send(row.before().bytes());
      parked.send(row.before().bytes());
      assertThat(parked.readUntil('Z', row.answersBefore()))
          .isEqualTo(direct.readUntil('Z', row.answersBefore()));

      assertThat(park()).isEmpty();

      direct.send(row.after().bytes());
      parked.send(row.after().bytes());
      assertThat(parked.readUntil('Z', row.answers()))
          .isEqualTo(direct.readUntil('Z', row.answers()));
    }
  }

  @Test
  void aStatementWhoseTableIsGoneFailsWhereAndAsInPostgres() throws Exception {
    side.postgres().sql("DROP TABLE IF EXISTS gone; CREATE TABLE gone (a int)");
    try (var direct = direct();
        var parked = throughVela()) {
      var prepare = new Frontend().parse("s", "SELECT * FROM gone").parse("t", "SELECT 1").sync();
      direct.send(prepare.bytes());
      parked.send(prepare.bytes());
      assertThat(parked.readUntil('Z', 1)).isEqualTo(direct.readUntil('Z', 1));

      assertThat(park()).isEmpty();
      side.postgres().sql("DROP TABLE gone");
      var use = new Frontend().query("BEGIN").bind("", "t").execute("", 0).bind("", "s");
      use.execute("", 0).bind("", "t").execute("", 0).sync().query("SELECT 2").query("ROLLBACK");
      use.describe('S', "s").sync().parse("s", "SELECT 3").sync();
      direct.send(use.bytes());
      parked.send(use.bytes());
      assertThat(parked.readUntil('Z', 6)).isEqualTo(direct.readUntil('Z', 6));

      // It is as stale on the backend after the next.
      assertThat(park()).isEmpty();
      var replace = new Frontend().bind("", "s").sync().close('S', "s").parse("s", "SELECT 4");
      replace.bind("", "s").execute("", 0).sync();
      direct.send(replace.bytes());
      parked.send(replace.bytes());
      assertThat(parked.readUntil('Z', 2)).isEqualTo(direct.readUntil('Z', 2));
    }
  }

  @ParameterizedTest
  @MethodSource("pings")
  void aPingIsAnsweredWithoutABackend(Frontend ping) throws Exception {
    try (var direct = direct();
        var parked = throughVela()) {
      assertThat(park()).isEmpty();
      for (int i = 0; i < 3; i++) {
        direct.send(ping.bytes());
        parked.send(ping.bytes());
        assertThat(parked.readUntil('Z', 1)).isEqualTo(direct.readUntil('Z', 1));
      }
      assertThat(side.leases()).isZero();
      assertThat(side.session().activity().state()).isEqualTo(State.PARKED);
      parked.send(q("SELECT 3").bytes());
      direct.send(q("SELECT 3").bytes());
      assertThat(parked.readUntil('Z', 1)).isEqualTo(direct.readUntil('Z', 1));
    }
  }

  @ParameterizedTest
  @MethodSource("pings")
  void aPingIsNoUse(Frontend ping) throws Exception {
    try (var client = throughVela()) {
      client.send(q("SELECT 5").bytes());
      client.readUntil('Z', 1);
      var quiet = side.session().activity().quietSince();
      assertThat(quiet).isPresent();
      client.send(ping.bytes());
      client.readUntil('Z', 1);
      await()
          .atMost(20, SECONDS)
          .untilAsserted(() -> assertThat(side.session().activity().quietSince()).isEqualTo(quiet));
    }
  }

  @Test
  void idleSessionTimeoutEndsAParkedSessionToo() throws Exception {
    try (var direct = direct();
        var parked = throughVela()) {
      var limit = q("SET idle_session_timeout = '3s'").bytes();
      direct.send(limit);
      parked.send(limit);
      assertThat(parked.readUntil('Z', 1)).isEqualTo(direct.readUntil('Z', 1));

      assertThat(park()).isEmpty();

      var told = direct.readToEnd();
      assertThat(told).contains("C57P05\0").endsWith("END");
      assertThat(fields(parked.readToEnd())).isEqualTo(fields(told));
    }
  }

  /** Severity, code and message of an error. */
  private static List<String> fields(String error) {
    return Stream.of(error.substring(5).split("\0", -1))
        .filter(field -> !field.isEmpty() && "SVCM".indexOf(field.charAt(0)) >= 0)
        .toList();
  }

  @Test
  void aVetoLeavesTheSessionAsItWas() throws Exception {
    try (var client = throughVela()) {
      client.send(q("CREATE TEMP TABLE t AS SELECT 42 AS n").bytes());
      client.readUntil('Z', 1);
      assertThat(park()).hasValueSatisfying(veto -> assertThat(veto.reason()).startsWith("temp"));
      assertThat(side.session().activity().state()).isEqualTo(State.IDLE);
      client.send(q("SELECT n FROM t").bytes());
      assertThat(client.readUntil('Z', 1)).contains("42");
    }
  }

  @Test
  void whatIsSentWhileTheSessionIsAskedIsAnswered() throws Exception {
    try (var client = throughVela()) {
      var session = side.session();
      await().atMost(20, SECONDS).until(() -> session.activity().state() == State.IDLE);
      assertThat(get(session.prepareToPark())).isEmpty();
      client.send(q("SELECT 6").bytes());
      await().atMost(20, SECONDS).until(() -> get(session.confirmParking()).isPresent());
      session.resume();
      assertThat(client.readUntil('Z', 1)).contains("6");
    }
  }
}
