package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.it.support.Machine;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.nio.file.Files;
import java.sql.SQLException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A branch takes the last byte of a pool, faster than Vela looks: deleting it gives all back. */
final class PoolFullTest {
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final long MIB = 1 << 20;

  /** The data first, then what btrfs keeps among its own metadata: files of less than 2 kB. */
  private static final String FILL =
      """
      dd if=/dev/zero of=filler bs=1M status=none; sync -f .
      dd if=/dev/zero of=filler2 bs=4k status=none
      mkdir -p small
      text=$(head -c 1900 /dev/zero | tr "\\0" x)
      i=0
      while [ $i -lt 60000 ] && printf %s "$text" > small/$i; do i=$((i+1)); done
      true
      """;

  private Scratch scratch;

  @BeforeEach
  void scratch() {
    Assumptions.assumeTrue(Machine.isRoot(), "needs root: a pool of its own");
    scratch = new Scratch();
  }

  @AfterEach
  void clean() throws Exception {
    if (scratch != null) {
      scratch.close();
    }
  }

  private static void execute(Vela vela, String branch, String sql) throws SQLException {
    try (var connection = vela.connect(branch);
        var statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static boolean fills() {
    return ProcessHandle.allProcesses()
        .anyMatch(
            process ->
                process
                    .info()
                    .arguments()
                    .filter(words -> String.join(" ", words).contains("filler2"))
                    .isPresent());
  }

  @Test
  void aBranchThatTookTheLastByteIsDeletedAndTheOthersWriteAgain() throws Exception {
    var config =
        Files.writeString(
            scratch.folder().resolve("vela.yaml"),
            """
            listen: [{address: "127.0.0.1:0"}]
            pool: {loop-size: 500MB, reserve: 1MB}
            baselines: {main: {branches: {max-bytes: 100%, suspend-after: 10min}}}
            """);
    try (var vela = Vela.startAsConfigured(scratch.data(), config)) {
      var pool = scratch.data().resolve("pool").toFile();
      execute(vela, "other", "CREATE TABLE t AS SELECT 1 AS i");
      execute(vela, "greedy", "CREATE TABLE t AS SELECT 1 AS i");
      long before = pool.getUsableSpace();

      try {
        execute(vela, "greedy", "COPY (SELECT 1) TO PROGRAM '" + FILL.replace("'", "''") + "'");
      } catch (SQLException e) {
        // Its session is at work when Vela finds the reserve gone; the program runs on.
        assertThat(e.getSQLState()).isEqualTo("53100");
      }
      // Until nothing is left, or the program has met the end with all that it tries.
      await().atMost(LIMIT).until(() -> pool.getUsableSpace() < 64 << 10 || !fills());
      assertThat(pool.getUsableSpace()).isLessThan(4 * MIB);

      assertThat(vela.cli("branch", "delete", "greedy", "--force").text()).contains("deleted");

      await().atMost(LIMIT).until(() -> pool.getUsableSpace() > before - 20 * MIB);
      await()
          .atMost(LIMIT)
          .ignoreExceptionsInstanceOf(SQLException.class)
          .untilAsserted(
              () ->
                  execute(
                      vela,
                      "other",
                      "CREATE TABLE more AS SELECT repeat(md5(i::text), 30)"
                          + " FROM generate_series(1, 20000) AS i"));
      execute(vela, "third", "CREATE TABLE t AS SELECT 1 AS i");
    }
  }
}
