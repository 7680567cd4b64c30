package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Arrays;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.postgresql.PGConnection;

/** A gigabyte each way, values of 100 MB, long pipelines: all arrives, and memory stays bounded. */
final class LargeTrafficTest {
  private static final long GIGABYTE = 1L << 30;
  private static final int LINE = 1 << 20;

  private static Scratch scratch;
  private static Vela vela;

  @BeforeAll
  static void start() {
    scratch = new Scratch();
    vela = Vela.start(scratch.data());
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    scratch.close();
  }

  private static Connection connect() throws SQLException {
    var login = vela.superuser();
    return vela.connect(login.user(), login.password(), "postgres@large");
  }

  private static long residentMegabytes() {
    try {
      return Files.readAllLines(Path.of("/proc/" + vela.pid() + "/status")).stream()
          .filter(line -> line.startsWith("VmRSS:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024)
          .findFirst()
          .orElseThrow();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Test
  void aGigabyteIsCopiedInAndCounted() throws Exception {
    try (var connection = connect();
        var statement = connection.createStatement()) {
      statement.execute("CREATE UNLOGGED TABLE bytes_in (line text)");
      statement.execute("ALTER TABLE bytes_in ALTER line SET STORAGE EXTERNAL");
      // Each line is dropped by the WHERE clause, so that the relay and not the disk is used.
      long rows =
          connection
              .unwrap(PGConnection.class)
              .getCopyAPI()
              .copyIn("COPY bytes_in FROM STDIN WHERE length(line) = 0", new Lines());
      assertThat(rows).isZero();
      assertThat(vela.metric("^vela_relay_bytes_total\\{.*direction=\"to_backend\""))
          .isGreaterThan(GIGABYTE);
    }
  }

  @Test
  void aGigabyteIsCopiedOutToASlowReaderInBoundedMemory() throws Exception {
    try (var connection = connect()) {
      long before = residentMegabytes();
      var sink = new SlowSink();
      connection
          .unwrap(PGConnection.class)
          .getCopyAPI()
          .copyOut(
              "COPY (SELECT repeat('x', 1048575) FROM generate_series(1, 1024)) TO STDOUT", sink);

      assertThat(sink.bytes).isEqualTo(GIGABYTE);
      assertThat(sink.mostMegabytes - before).isLessThan(64);
    }
  }

  @Test
  void aValueOfAHundredMegabytesGoesBothWays() throws Exception {
    var value = "v".repeat(100 << 20);
    try (var connection = connect();
        var statement = connection.prepareStatement("SELECT ?::text || 'w'")) {
      statement.setString(1, value);
      try (var row = statement.executeQuery()) {
        row.next();
        assertThat(row.getString(1)).hasSize((100 << 20) + 1).endsWith("vw");
      }
    }
  }

  @Test
  void aPipelineOfTenThousandStatementsIsAnswered() throws Exception {
    try (var connection = connect();
        var statement = connection.createStatement()) {
      statement.execute("CREATE TABLE IF NOT EXISTS pipelined (n int)");
      try (var insert = connection.prepareStatement("INSERT INTO pipelined VALUES (?)")) {
        for (int n = 0; n < 10_000; n++) {
          insert.setInt(1, n);
          insert.addBatch();
        }
        assertThat(Arrays.stream(insert.executeBatch()).sum()).isEqualTo(10_000);
      }
    }
  }

  /** A gigabyte of lines. */
  private static final class Lines extends InputStream {
    private final byte[] line = new byte[LINE];
    private long left = GIGABYTE + LINE;
    private int at;

    Lines() {
      Arrays.fill(line, (byte) 'x');
      line[LINE - 1] = '\n';
    }

    @Override
    public int read() {
      var one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0];
    }

    @Override
    public int read(byte[] into, int offset, int length) {
      if (left <= 0) {
        return -1;
      }
      int count = (int) Math.min(Math.min(length, LINE - at), left);
      System.arraycopy(line, at, into, offset, count);
      at = (at + count) % LINE;
      left -= count;
      return count;
    }
  }

  /** Counts, and stands still for a while after each 64 MB to let the relay fill what it may. */
  private static final class SlowSink extends OutputStream {
    private long bytes;
    private long mostMegabytes;

    @Override
    public void write(int value) {
      bytes++;
    }

    @Override
    public void write(byte[] from, int offset, int length) {
      long step = 64L << 20;
      if ((bytes + length) / step > bytes / step) {
        long until = System.nanoTime() + 100_000_000;
        while (System.nanoTime() < until) {
          mostMegabytes = Math.max(mostMegabytes, residentMegabytes());
        }
      }
      bytes += length;
    }
  }
}
