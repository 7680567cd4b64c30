package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.it.support.Machine;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A branch that takes more of the pool than it may is stopped from writing, and no other is. */
final class BranchFullTest {
  private static final Duration LIMIT = Duration.ofMinutes(1);

  /** Some 20 MB; unlogged, so that what it takes is the rows and not the WAL. */
  private static final String TWENTY_MB =
      "INSERT INTO t SELECT i, repeat(md5(i::text), 30) FROM generate_series(1, 20000) AS i";

  private static final int MOST_PIECES = 250;

  private static Scratch scratch;
  private static Vela vela;

  @BeforeAll
  static void start() throws Exception {
    Assumptions.assumeTrue(Machine.isRoot(), "needs root: a pool in which clones share blocks");
    scratch = new Scratch();
    var config =
        Files.writeString(
            scratch.folder().resolve("vela.yaml"),
            """
            listen: [{address: "127.0.0.1:0"}]
            pool: {loop-size: 8GB}
            baselines: {main: {branches: {max-bytes: 600MB, suspend-after: 10min}}}
            """);
    vela = Vela.startAsConfigured(scratch.data(), config);
  }

  @AfterAll
  static void clean() throws Exception {
    if (vela != null) {
      vela.close();
      scratch.close();
    }
  }

  private static void execute(String branch, String sql) throws SQLException {
    try (var connection = vela.connect(branch)) {
      execute(connection, sql);
    }
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (var statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static long number(String branch, String sql) throws SQLException {
    try (var connection = vela.connect(branch);
        var statement = connection.createStatement();
        var row = statement.executeQuery(sql)) {
      row.next();
      return row.getLong(1);
    }
  }

  /**
   * What was written just before is found in the pool only when the file system has placed it, some
   * seconds later: who frees room meanwhile may be taken for the one that grows, and tries again.
   */
  private static void inTheEnd(String branch, String sql) {
    await()
        .atMost(LIMIT)
        .ignoreExceptionsMatching(
            e -> e instanceof SQLException failed && "53100".equals(failed.getSQLState()))
        .untilAsserted(() -> execute(branch, sql));
  }

  /** Writes until it is stopped. */
  private static SQLException fill(String branch) throws SQLException {
    try (var connection = vela.connect(branch)) {
      for (int piece = 0; piece < MOST_PIECES; piece++) {
        try {
          execute(connection, TWENTY_MB);
        } catch (SQLException e) {
          return e;
        }
      }
    }
    throw new AssertionError("a branch wrote on and on");
  }

  private static void make(String branch, String maxBytes) throws SQLException {
    assertThat(vela.cli("branch", "create", branch, "--max-bytes", maxBytes).code()).isZero();
    execute(branch, "CREATE UNLOGGED TABLE t (i int, v text)");
  }

  /** One that writes a row after the other for as long as it is open. */
  private static final class Neighbour implements AutoCloseable {
    private final AtomicBoolean writing = new AtomicBoolean(true);
    private final CompletableFuture<Optional<SQLException>> end = new CompletableFuture<>();
    private final String name;

    Neighbour(String name) throws SQLException {
      this.name = name;
      execute(name, "CREATE TABLE rows (at timestamptz)");
      Thread.ofVirtual().start(this::write);
    }

    private void write() {
      try (var connection = vela.connect(name)) {
        while (writing.get()) {
          execute(connection, "INSERT INTO rows VALUES (clock_timestamp())");
        }
        end.complete(Optional.empty());
      } catch (SQLException e) {
        end.complete(Optional.of(e));
      }
    }

    long written() throws SQLException {
      return number(name, "SELECT count(*) FROM rows");
    }

    @Override
    public void close() {
      writing.set(false);
      assertThat(end.join()).isEmpty();
    }
  }

  private static void assertFull(SQLException e, String branch, String limit) {
    assertThat(e.getSQLState()).isEqualTo("53100");
    assertThat(e.getMessage()).contains("branch \"" + branch + "\" is full", "of the " + limit);
  }

  @Test
  void oneThatIsFullReadsAndDeletesAndWritesAgainWhenItHasMadeRoom() throws Exception {
    make("full", "200MB");
    try (var neighbour = new Neighbour("neighbour-1")) {
      assertFull(fill("full"), "full", "200MB");

      long before = neighbour.written();
      assertThat(number("full", "SELECT count(*) FROM t")).isPositive();
      inTheEnd("full", "DELETE FROM t");
      inTheEnd("full", "VACUUM t");
      assertThat(number("full", "SELECT pg_relation_size('t')")).isZero();
      inTheEnd("full", TWENTY_MB);
      assertThat(number("full", "SELECT count(*) FROM t")).isEqualTo(20_000);
      await().atMost(LIMIT).until(() -> neighbour.written() > before + 100);
    }
  }

  @Test
  void oneThatIsFullWritesAgainWhenItMayTakeMore() throws Exception {
    make("raised", "200MB");
    assertFull(fill("raised"), "raised", "200MB");
    long rows = number("raised", "SELECT count(*) FROM t");

    assertThat(vela.cli("branch", "set", "raised", "--max-bytes", "500MB").code()).isZero();

    assertFull(fill("raised"), "raised", "500MB");
    assertThat(number("raised", "SELECT count(*) FROM t")).isGreaterThan(rows);
    assertThat(vela.cli("why", "raised").text()).contains("\"raised\" is full: it takes ");
    var shown = vela.cli("branch", "show", "raised", "--json").out();
    assertThat(shown).contains("is full: it takes ");
    assertThat(shown).containsPattern("\"maxBytes\"\\s*:\\s*\"500MB\"");
  }

  @Test
  void aRunawayStatementIsEndedWithWhatItWrote() throws Exception {
    make("runaway", "200MB");
    try (var _ = new Neighbour("neighbour-2");
        var resting = vela.connect("runaway")) {
      execute(resting, "CREATE TABLE kept AS SELECT 1 AS i");

      assertThatThrownBy(
              () ->
                  execute(
                      "runaway",
                      "CREATE TABLE big AS SELECT repeat(md5(i::text), 30) AS v"
                          + " FROM generate_series(1, 20000000) AS i"))
          .isInstanceOfSatisfying(SQLException.class, e -> assertFull(e, "runaway", "200MB"));

      execute(resting, "SELECT i FROM kept");
      await().atMost(LIMIT).until(() -> number("runaway", "SELECT count(to_regclass('big'))") == 0);
    }
    assertThat(vela.cli("branch", "delete", "runaway", "--force").code()).isZero();
  }

  /** What a superuser starts is no session of Postgres, and no end of a session ends it. */
  @Test
  void aProgramThatWritesOnEndsWithItsInstance() throws Exception {
    make("program", "200MB");
    try (var connection = vela.connect("program")) {
      execute(
          connection,
          "COPY (SELECT 1) TO PROGRAM"
              + " 'setsid dd if=/dev/zero of=taken bs=1M count=4000 > /dev/null 2>&1 &'");
      await().atMost(LIMIT).until(() -> connection.isClosed() || !connection.isValid(1));
    }

    await()
        .atMost(LIMIT)
        .ignoreExceptionsInstanceOf(SQLException.class)
        .untilAsserted(
            () -> {
              long bytes = number("program", "SELECT size FROM pg_stat_file('taken')");
              assertThat(bytes).isBetween(200L << 20, 3500L << 20);
              assertThat(number("program", "SELECT count(pg_sleep(1)::text)")).isEqualTo(1);
              assertThat(number("program", "SELECT size FROM pg_stat_file('taken')"))
                  .isEqualTo(bytes);
            });
  }

  @Test
  void nobodyTakesMoreThanThePolicyAllows() {
    var refused = vela.cli("branch", "create", "greedy", "--max-bytes", "601MB");
    assertThat(refused.code()).isNotZero();
    assertThat(refused.err()).contains("max-bytes 601MB is more than the 600MB");
    assertThat(vela.state("greedy")).isEqualTo("absent");
  }
}
