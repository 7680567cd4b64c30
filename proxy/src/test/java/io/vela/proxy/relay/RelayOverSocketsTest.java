package io.vela.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.proxy.RealPostgres;
import io.vela.proxy.relay.RelayServer.Session;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.SqlState;
import java.io.OutputStream;
import java.io.Reader;
import java.io.StringReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.postgresql.PGConnection;

/** The relay between real clients and a real Postgres. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(120)
class RelayOverSocketsTest {
  private static final long ONE_READ = 64L * 1024;

  private RealPostgres postgres;
  private RelayServer relay;

  @BeforeAll
  void startPostgres() throws Exception {
    postgres = RealPostgres.start();
  }

  @BeforeEach
  void startRelay() throws Exception {
    relay = new RelayServer(postgres.socket());
  }

  @AfterEach
  void stopRelay() throws Exception {
    relay.stop();
  }

  @AfterAll
  void stopPostgres() {
    postgres.close();
  }

  @Test
  void aValueOfAHundredMegabytesGoesBothWays() throws SQLException {
    try (var connection = connect();
        var statement = connection.prepareStatement("select ?::text")) {
      var value = "v".repeat(100 << 20);
      statement.setString(1, value);
      try (var result = statement.executeQuery()) {
        result.next();
        assertThat(result.getString(1).equals(value)).isTrue();
      }
    }
    await().until(() -> relay.ends.contains(RelayEnd.CLIENT_TERMINATED));
    assertThat(relay.relayed.get()).isGreaterThan(200L << 20);
  }

  @Test
  void copiesGoInAndOutAndTheSessionIsIdleAfterThem() throws Exception {
    try (var connection = connect();
        var statement = connection.createStatement()) {
      statement.execute("create temp table t (n int, text text)");
      var copy = connection.unwrap(PGConnection.class).getCopyAPI();
      Reader rows = new StringReader("1\tsome text that is a row\n".repeat(500_000));
      assertThat(copy.copyIn("copy t from stdin", rows)).isEqualTo(500_000);
      assertThat(copy.copyOut("copy t to stdout", OutputStream.nullOutputStream()))
          .isEqualTo(500_000);
      assertThat(idle()).isTrue();
    }
  }

  @Test
  void aPipelineOfTenThousandStatementsIsCountedToItsEnd() throws Exception {
    try (var connection = connect()) {
      try (var statement = connection.createStatement()) {
        statement.execute("create temp table t (n int)");
      }
      try (var insert = connection.prepareStatement("insert into t values (?)")) {
        for (int i = 0; i < 10_000; i++) {
          insert.setInt(1, i);
          insert.addBatch();
        }
        assertThat(insert.executeBatch()).hasSize(10_000);
      }
      assertThat(idle()).isTrue();
    }
  }

  @Test
  void aSlowClientCostsNoMoreThanTheWaterMarkAndOneRead() throws Exception {
    try (var client = new RawClient(relay.port())) {
      client.query("select repeat('x', 1000) from generate_series(1, 300000)");
      await().until(() -> !session().backend().config().isAutoRead());
      long bound = RelayPair.WATER_MARK.high() + 2 * ONE_READ;
      assertThat(pendingToClient()).isBetween(1L, bound);
      long bytes = 0;
      for (int i = 0; i < 300_000; i++) {
        var message = client.read();
        bytes += message.payload().length();
        if (i % 1000 == 0) {
          assertThat(pendingToClient()).isLessThanOrEqualTo(bound);
        }
      }
      assertThat(bytes + client.skipTo('Z')).isGreaterThan(300_000_000);
      assertThat(idle()).isTrue();
    }
  }

  @Test
  void aClientThatEndsItsOutputStillGetsItsAnswer() throws Exception {
    try (var client = new RawClient(relay.port())) {
      client.query("select pg_sleep(0.2), repeat('x', 1000000)");
      client.endOutput();
      assertThat(client.skipTo('Z')).isGreaterThan(1_000_000);
      assertThat(client.atEnd()).isTrue();
    }
    await().until(() -> relay.ends.contains(RelayEnd.CLIENT_LEFT));
  }

  @Test
  void aClientThatBreaksTakesItsBackendWithIt() throws Exception {
    try (var other = connect();
        var statement = other.createStatement()) {
      var client = new RawClient(relay.port());
      int processId = client.processId();
      client.close();
      await()
          .until(
              () -> {
                try (var result =
                    statement.executeQuery(
                        "select count(*) from pg_stat_activity where pid = " + processId)) {
                  result.next();
                  return result.getInt(1) == 0;
                }
              });
    }
  }

  @Test
  void aTerminatedBackendsOwnWordsArriveAndNoOthers() throws Exception {
    try (var client = new RawClient(relay.port());
        var other = connect();
        var statement = other.createStatement()) {
      statement.execute("select pg_terminate_backend(" + client.processId() + ")");
      assertThat(client.read().payload()).contains("C57P01");
      assertThat(client.atEnd()).isTrue();
    }
    await().until(() -> relay.ends.contains(RelayEnd.BACKEND_CLOSED));
  }

  @Test
  void aKilledBackendIsExplained() throws Exception {
    try (var client = new RawClient(relay.port())) {
      postgres.kill(client.processId());
      var last = client.read();
      assertThat(last.type()).isEqualTo('E');
      assertThat(last.payload()).contains("VFATAL\0C57P02\0Mthe instance died");
      assertThat(client.atEnd()).isTrue();
    }
    await().until(() -> relay.ends.contains(RelayEnd.BACKEND_VANISHED));
    await().ignoreExceptions().until(() -> connect().isValid(5));
  }

  @Test
  void aClientInTheMiddleOfALongAnswerIsToldBetweenTwoRows() throws Exception {
    try (var client = new RawClient(relay.port())) {
      client.query("select repeat('x', 100000) from generate_series(1, 100000)");
      assertThat(client.read().type()).isEqualTo('T');
      await().until(() -> !session().backend().config().isAutoRead());
      session()
          .client()
          .eventLoop()
          .execute(
              () ->
                  session()
                      .pair()
                      .terminate(
                          ErrorMessage.fatal(SqlState.ADMIN_SHUTDOWN, "branch suspended"),
                          Duration.ofSeconds(10)));
      var message = client.read();
      while (message.type() == 'D') {
        assertThat(message.payload()).hasSize(100_006);
        message = client.read();
      }
      assertThat(message.payload()).contains("VFATAL\0C57P01\0Mbranch suspended");
      assertThat(client.atEnd()).isTrue();
    }
    await().until(() -> relay.ends.contains(RelayEnd.TERMINATED));
  }

  @Test
  void whoDoesNotReadTheEndIsCutOffInTime() throws Exception {
    try (var client = new RawClient(relay.port())) {
      client.query("select repeat('x', 100000000)");
      await().until(() -> !session().backend().config().isAutoRead());
      session()
          .client()
          .eventLoop()
          .execute(
              () ->
                  session()
                      .pair()
                      .terminate(
                          ErrorMessage.fatal(SqlState.ADMIN_SHUTDOWN, "branch suspended"),
                          Duration.ofMillis(300)));
      await().atMost(Duration.ofSeconds(5)).until(() -> relay.ends.contains(RelayEnd.TERMINATED));
    }
  }

  private Connection connect() throws SQLException {
    return DriverManager.getConnection(
        "jdbc:postgresql://127.0.0.1:%d/postgres?user=postgres&sslmode=disable&gssEncMode=disable"
            .formatted(relay.port()));
  }

  private Session session() {
    return relay.sessions.element();
  }

  private boolean idle() throws Exception {
    return session()
        .client()
        .eventLoop()
        .submit(() -> session().pair().idle())
        .get(5, TimeUnit.SECONDS);
  }

  private long pendingToClient() throws Exception {
    return session()
        .client()
        .eventLoop()
        .submit(() -> session().pendingToClient())
        .get(5, TimeUnit.SECONDS);
  }
}
