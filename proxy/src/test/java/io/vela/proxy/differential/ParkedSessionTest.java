package io.vela.proxy.differential;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.config.ParkPolicy;
import io.vela.proxy.wire.StartupPacket;
import io.vela.router.BranchSession;
import io.vela.router.BranchSession.State;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What happens to a session while it has no backend. */
final class ParkedSessionTest {
  private static final int PROTOCOL_3_0 = StartupPacket.PROTOCOL_3_0;
  private static Side side;

  @BeforeAll
  static void start() throws Exception {
    side = new Side(18);
  }

  @AfterAll
  static void stop() {
    side.close();
  }

  @AfterEach
  void asBefore() {
    side.parking(ParkPolicy.DEFAULT);
  }

  private static Peer connect(String user) throws Exception {
    var peer = side.anotherThroughVela();
    peer.send(Side.startupWithToken(PROTOCOL_3_0, "user", user, "database", "postgres"));
    assertThat(peer.readUntil('Z', 1))
        .startsWith("R")
        .contains("K")
        .doesNotContain("FATAL")
        .doesNotContain("END");
    return peer;
  }

  private static String ask(Peer peer, String sql) {
    peer.send(new Frontend().query(sql).bytes());
    return peer.readUntil('Z', 1);
  }

  private static <T> T get(CompletionStage<T> stage) throws Exception {
    return stage.toCompletableFuture().get(20, SECONDS);
  }

  private static BranchSession session(int index) {
    await().atMost(20, SECONDS).until(() -> side.router().sessions.size() > index);
    return side.router().sessions.get(index);
  }

  private static void awaitState(BranchSession session, State state) {
    await().atMost(20, SECONDS).until(() -> session.activity().state() == state);
  }

  private static void park(BranchSession session) throws Exception {
    awaitState(session, State.IDLE);
    assertThat(get(session.prepareToPark())).isEmpty();
    assertThat(get(session.confirmParking())).isEmpty();
    session.park();
    awaitState(session, State.PARKED);
  }

  private static void cancel(byte[] key) throws Exception {
    try (var peer = side.anotherThroughVela()) {
      peer.send(
          new Frontend().ints(8 + key.length, StartupPacket.CANCEL_REQUEST_CODE).raw(key).bytes());
      assertThat(peer.readToEnd()).isEqualTo("END");
    }
  }

  @Test
  void aCancelKeyLeadsNowhereWhileParkedAndToTheNewBackendAfterwards() throws Exception {
    side.awaitNoSession();
    try (var client = connect("postgres")) {
      park(session(0));
      cancel(client.cancelKey());
      assertThat(ask(client, "SELECT 'here'")).contains("here");
      client.send(new Frontend().query("SELECT pg_sleep(60)").bytes());
      await()
          .atMost(20, SECONDS)
          .until(
              () ->
                  side.postgres()
                      .sql("select count(*) from pg_stat_activity where wait_event = 'PgSleep'")
                      .equals("1"));
      cancel(client.cancelKey());
      assertThat(client.readUntil('Z', 1)).contains("C57014");
    }
  }

  @Test
  void whatWaitsForItsBranchCanBeCancelled() throws Exception {
    side.awaitNoSession();
    try (var client = connect("postgres")) {
      var session = session(0);
      park(session);
      var wakes = side.router().wakes;
      side.router().wakes = CompletableFuture::new;
      client.send(new Frontend().query("SELECT 1 + 1").bytes());
      awaitState(session, State.RESUMING);
      cancel(client.cancelKey());
      assertThat(client.readUntil('Z', 1)).contains("C57014");
      awaitState(session, State.PARKED);
      side.router().wakes = wakes;
      assertThat(ask(client, "SELECT 'served'")).contains("served");
    }
  }

  @Test
  void whoListensHearsWhatIsNotifiedByWhoeverWakesTheBranch() throws Exception {
    side.awaitNoSession();
    try (var listener = connect("postgres")) {
      ask(listener, "LISTEN news");
      park(session(0));
      try (var other = connect("postgres")) {
        ask(other, "NOTIFY news, 'first'");
        assertThat(listener.readUntil('A', 1)).contains("news").contains("first");
      }
    }
  }

  @Test
  void whatIsNotifiedWhileASessionIsAskedIsHeard() throws Exception {
    side.awaitNoSession();
    try (var listener = connect("postgres")) {
      ask(listener, "LISTEN news");
      var session = session(0);
      awaitState(session, State.IDLE);
      assertThat(get(session.prepareToPark())).isEmpty();
      side.postgres().sql("select pg_notify('news', 'late')");
      assertThat(get(session.confirmParking())).isEmpty();
      session.park();
      assertThat(listener.readUntil('A', 1)).contains("late");
    }
  }

  @Test
  void whoLeavesWhileItIsBeingParkedHasLeft() throws Exception {
    side.awaitNoSession();
    try (var client = connect("postgres")) {
      var session = session(0);
      awaitState(session, State.IDLE);
      assertThat(get(session.prepareToPark())).isEmpty();
      client.endOutput();
      await().atMost(20, SECONDS).until(() -> get(session.confirmParking()).isPresent());
      session.park();
      assertThat(client.readToEnd()).isEqualTo("END");
      side.awaitNoSession();
    }
  }

  @Test
  void idleSessionTimeoutHoldsForTheParkedToo() throws Exception {
    side.awaitNoSession();
    try (var client = connect("postgres")) {
      ask(client, "SET idle_session_timeout = '700ms'");
      park(session(0));
      assertThat(client.readToEnd()).contains("C57P05").contains("idle-session timeout");
    }
  }

  @Test
  void aBackendIsGivenBackAfterAWhile() throws Exception {
    side.awaitNoSession();
    side.parking(
        new ParkPolicy(
            ParkPolicy.OnIdle.PARK,
            Optional.of(Duration.ofMillis(100)),
            true,
            ParkPolicy.DEFAULT.pings(),
            ParkPolicy.DEFAULT.unseenSettings()));
    try (var client = connect("postgres")) {
      assertThat(ask(client, "SET work_mem = '7MB'")).contains("SET");
      awaitState(session(0), State.PARKED);
      await().atMost(20, SECONDS).until(() -> side.leases() == 0);
      assertThat(ask(client, "SHOW work_mem")).contains("7MB");
    }
  }

  @Test
  void aRoleThatIsGoneIsToldSoByPostgres() throws Exception {
    side.awaitNoSession();
    side.postgres().sql("create role leaver login superuser");
    side.router().roles.put("leaver", side.postgres().role("leaver"));
    try (var client = connect("leaver")) {
      park(session(0));
      side.postgres().sql("drop role leaver");
      client.send(new Frontend().query("SELECT 2").bytes());
      assertThat(client.readToEnd()).contains("SFATAL").contains("C28000").contains("leaver");
    }
  }

  @Test
  void manyClientsShareTheBackendsThatPostgresAllows() throws Exception {
    side.awaitNoSession();
    side.postgres().sql("create role few login connection limit 2");
    side.router().roles.put("few", side.postgres().role("few"));
    var clients = new ArrayList<Peer>();
    try {
      for (int i = 0; i < 10; i++) {
        clients.add(connect("few"));
        assertThat(ask(clients.get(i), "SET app.number = " + i)).contains("SET");
      }
      for (int round = 0; round < 3; round++) {
        for (int i = 0; i < clients.size(); i++) {
          assertThat(ask(clients.get(i), "SELECT 'n' || current_setting('app.number')"))
              .contains("n" + i);
        }
      }
      assertThat(side.router().sessions)
          .hasSize(10)
          .filteredOn(session -> session.activity().state() == State.PARKED)
          .hasSizeGreaterThanOrEqualTo(8);
    } finally {
      for (var client : clients) {
        client.close();
      }
    }
  }

  @Test
  void thoseWhoAllWantSomethingAtOnceTakeTurns() throws Exception {
    side.awaitNoSession();
    side.postgres().sql("create role busy login connection limit 2");
    side.router().roles.put("busy", side.postgres().role("busy"));
    var clients = new ArrayList<Peer>();
    try {
      for (int i = 0; i < 8; i++) {
        clients.add(connect("busy"));
      }
      for (int round = 0; round < 5; round++) {
        for (var client : clients) {
          client.send(new Frontend().query("SELECT pg_sleep(0.01), 'done'").bytes());
        }
        for (var client : clients) {
          assertThat(client.readUntil('Z', 1)).contains("done");
        }
      }
    } finally {
      for (var client : clients) {
        client.close();
      }
    }
  }

  @Test
  void aTransactionIsNotParkedByWhoWantsAPlace() throws Exception {
    side.awaitNoSession();
    side.postgres().sql("create role lone login connection limit 1");
    side.router().roles.put("lone", side.postgres().role("lone"));
    try (var first = connect("lone")) {
      ask(first, "BEGIN");
      try (var second = side.anotherThroughVela()) {
        second.send(Side.startupWithToken(PROTOCOL_3_0, "user", "lone", "database", "postgres"));
        assertThat(ask(first, "SELECT 'mine'")).contains("mine");
        assertThat(ask(first, "COMMIT")).contains("COMMIT");
        assertThat(second.readUntil('Z', 1)).doesNotContain("FATAL").isNotEqualTo("END");
        assertThat(ask(second, "SELECT 'then me'")).contains("then me");
        assertThat(ask(first, "SELECT 'and again'")).contains("and again");
      }
    }
  }
}
