package io.vela.proxy.differential;

import static io.vela.proxy.wire.StartupPacket.CANCEL_REQUEST_CODE;
import static io.vela.proxy.wire.StartupPacket.PROTOCOL_3_0;
import static io.vela.proxy.wire.StartupPacket.PROTOCOL_3_2;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Cancel requests reach their own session and no other. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class CancelAsPostgresTest {
  private static Side side;

  @BeforeAll
  static void start() throws Exception {
    side = new Side(18);
  }

  @AfterAll
  static void stop() {
    side.close();
  }

  /** A session with its key. */
  private record Session(Peer peer) implements AutoCloseable {
    static Session begin(int version) throws Exception {
      var peer = side.anotherThroughVela();
      peer.send(Side.startupWithToken(version, "user", "postgres", "database", "postgres"));
      peer.readUntil('Z', 1);
      return new Session(peer);
    }

    byte[] key() {
      return peer.cancelKey();
    }

    String query(String sql) {
      peer.send(new Frontend().query(sql).bytes());
      return peer.readUntil('Z', 1);
    }

    @Override
    public void close() throws IOException {
      peer.send(new Frontend().terminate().bytes());
      peer.readToEnd();
      peer.close();
    }
  }

  /** Returns when it has been served. */
  private static void cancel(byte[] key) throws Exception {
    try (var peer = side.anotherThroughVela()) {
      peer.send(new Frontend().ints(8 + key.length, CANCEL_REQUEST_CODE).raw(key).bytes());
      assertThat(peer.readToEnd()).isEqualTo("END");
    }
  }

  private static void awaitAsleep(int sessions) {
    await()
        .atMost(Duration.ofSeconds(20))
        .until(
            () ->
                side.postgres()
                    .sql("select count(*) from pg_stat_activity where wait_event = 'PgSleep'")
                    .equals(Integer.toString(sessions)));
  }

  @ParameterizedTest
  @ValueSource(ints = {PROTOCOL_3_0, PROTOCOL_3_2, PROTOCOL_3_0 + 9999})
  void aKeyCancelsItsSession(int version) throws Exception {
    try (var session = Session.begin(version)) {
      assertThat(session.key()).hasSize(version == PROTOCOL_3_0 ? 8 : 36);
      assertThat(session.query("select pg_backend_pid()"))
          .contains(Integer.toString(java.nio.ByteBuffer.wrap(session.key()).getInt()));
      session.peer().send(new Frontend().query("select pg_sleep(60)").bytes());
      awaitAsleep(1);
      cancel(session.key());
      assertThat(session.peer().readUntil('Z', 1)).contains("C57014");
      assertThat(session.query("select 'still here'")).contains("still here");
    }
  }

  @Test
  void aWrongKeyCancelsNothing() throws Exception {
    try (var session = Session.begin(PROTOCOL_3_2)) {
      session.peer().send(new Frontend().query("select pg_sleep(60)").bytes());
      awaitAsleep(1);
      var wrong = session.key().clone();
      wrong[wrong.length - 1] ^= 1;
      cancel(wrong);
      var cut = java.util.Arrays.copyOf(session.key(), 8);
      cancel(cut);
      awaitAsleep(1);
      cancel(session.key());
      assertThat(session.peer().readUntil('Z', 1)).contains("C57014");
    }
  }

  /** From the address of the owner, more at once than are looked at. */
  @Test
  void aRightKeyWorksFromAnAddressThatGuesses() throws Exception {
    try (var session = Session.begin(PROTOCOL_3_0)) {
      session.peer().send(new Frontend().query("select pg_sleep(60)").bytes());
      awaitAsleep(1);
      var unknown = side.count("vela.cancel.requests", "outcome", "unknown");
      var guesses = new ArrayList<Peer>();
      for (int i = 1; i <= 150; i++) {
        var wrong = session.key().clone();
        wrong[4] ^= (byte) i;
        wrong[5] ^= 1;
        var peer = side.anotherThroughVela();
        guesses.add(peer);
        peer.send(new Frontend().ints(8 + wrong.length, CANCEL_REQUEST_CODE).raw(wrong).bytes());
      }

      cancel(session.key());

      assertThat(session.peer().readUntil('Z', 1)).contains("C57014");
      assertThat(side.count("vela.cancel.requests", "outcome", "unknown") - unknown)
          .as("guesses looked at, none of which was ignored")
          .isGreaterThan(100);
      for (var peer : guesses) {
        peer.close();
      }
      assertThat(side.count("vela.cancel.requests", "outcome", "throttled")).isZero();
    }
  }

  /** Whatever comes at the very end of a session: those beside it and after it are not hit. */
  @Test
  void aCancelThatRacesWithTheEndOfItsSessionHitsNobodyElse() throws Exception {
    try (var bystander = Session.begin(PROTOCOL_3_0)) {
      bystander.peer().send(new Frontend().query("select pg_sleep(2)").bytes());
      awaitAsleep(1);
      for (int i = 0; i < 60; i++) {
        byte[] key;
        try (var session = Session.begin(PROTOCOL_3_0)) {
          key = session.key();
          session.peer().send(new Frontend().query("select 1").terminate().bytes());
          cancel(key);
        }
        cancel(key);
        try (var next = Session.begin(PROTOCOL_3_0)) {
          assertThat(next.query("select pg_sleep(0.005)")).doesNotContain("C57014");
        }
      }
      assertThat(bystander.peer().readUntil('Z', 1)).contains("SELECT 1").doesNotContain("57014");
    }
  }

  @Test
  void aKeyIsOfNoUseAfterItsSession() throws Exception {
    byte[] key;
    try (var session = Session.begin(PROTOCOL_3_0)) {
      key = session.key();
    }
    side.awaitNoSession();
    var before = side.count("vela.cancel.requests", "outcome", "unknown");
    cancel(key);
    assertThat(side.count("vela.cancel.requests", "outcome", "unknown")).isEqualTo(before + 1);
  }
}
