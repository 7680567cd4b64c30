package io.vela.proxy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.value.HostPort;
import java.io.IOException;
import java.net.SocketException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Those who are slow or who guess are no burden to others. */
class PatienceTest {
  private static final int GUESSES = 60;
  private static final int LOGINS = 20;

  private static final int GUESSERS = 60;
  private static final int OWNERS_LOGINS = 8;
  private static final Duration OWNERS_PATIENCE = Duration.ofSeconds(12);

  private static RealPostgres postgres;
  private static ScriptedRouter router;

  @BeforeAll
  static void start() throws Exception {
    postgres = RealPostgres.start();
    postgres.sql("create role app login password 'right'");
    router = new ScriptedRouter(postgres.endpoint());
    router.roles.put("app", postgres.role("app"));
  }

  @AfterAll
  static void stop() {
    postgres.close();
  }

  private static ProxyServer proxy(LimitsConfig limits) throws Exception {
    return ProxyServer.start(
        List.of(new ListenerConfig(new HostPort("127.0.0.1", 0), Optional.empty())),
        limits,
        NetworkConfig.DEFAULT,
        router,
        new SimpleMeterRegistry());
  }

  private static LimitsConfig authenticationTimeout(Duration timeout) {
    var usual = LimitsConfig.DEFAULT;
    return new LimitsConfig(
        usual.wakeTimeout(),
        usual.stopTimeout(),
        timeout,
        usual.drainTimeout(),
        usual.startConcurrency(),
        usual.startupHold());
  }

  @Test
  void aClientThatTricklesItsBytesIsClosedWhenTheTimeIsOver() throws Exception {
    var timeout = Duration.ofSeconds(1);
    var server = proxy(authenticationTimeout(timeout));
    var began = System.nanoTime();
    try (var client = new RawClient(server.addresses().getFirst())) {
      // It announces a startup packet of 10,000 bytes, which takes it minutes at this pace.
      client.sendInts(10_000, 3 << 16);
      await()
          .pollInterval(Duration.ofMillis(20))
          .atMost(timeout.plusSeconds(10))
          .until(() -> isClosed(client));
      assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThan(timeout.dividedBy(2));
    } finally {
      server.close(Duration.ofSeconds(5));
    }
  }

  @Test
  void soIsOneThatTricklesItsPassword() throws Exception {
    var server = proxy(authenticationTimeout(Duration.ofSeconds(1)));
    try (var client = new RawClient(server.addresses().getFirst())) {
      client.startup("user", "app", "database", "postgres@pr-1");
      assertThat(client.readMessage()).startsWith("R");
      client.send(new byte[] {'p', 0, 0, 3, (byte) 0xE8});
      await()
          .pollInterval(Duration.ofMillis(20))
          .atMost(Duration.ofSeconds(10))
          .until(() -> isClosed(client));
    } finally {
      server.close(Duration.ofSeconds(5));
    }
  }

  /** Sends one byte more. */
  private static boolean isClosed(RawClient client) throws IOException {
    try {
      client.send(new byte[] {'u'});
      return false;
    } catch (SocketException e) {
      return true;
    }
  }

  /**
   * The owner comes from the address and for the account that is being guessed at, from which more
   * connections guess than are answered at the same time.
   */
  @Test
  @Timeout(120)
  void guessingKeepsNobodyOutWhoIsRight() throws Exception {
    var server = proxy(LimitsConfig.DEFAULT);
    var port = server.addresses().getFirst().getPort();
    var answers = new ConcurrentLinkedQueue<String>();
    var over = new AtomicBoolean();
    var began = System.nanoTime();
    try (var attack = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int guesser = 0; guesser < GUESSERS; guesser++) {
        attack.execute(
            () -> {
              while (!over.get()) {
                answers.add(guess(port));
              }
            });
      }
      // The places are taken: more are wrong than cost nothing.
      await().atMost(Duration.ofSeconds(30)).until(() -> answers.size() > 8);

      for (int login = 0; login < OWNERS_LOGINS; login++) {
        var asked = System.nanoTime();
        login(port, "pr-flooded", "right").close();
        assertThat(Duration.ofNanos(System.nanoTime() - asked)).isLessThan(OWNERS_PATIENCE);
      }

      double seconds = (System.nanoTime() - began) / 1e9;
      over.set(true);
      assertThat((double) answers.size()).isLessThan(5 + 32 + 8 * seconds + 16);
    } finally {
      over.set(true);
      server.close(Duration.ofSeconds(5));
    }
    assertThat(answers).doesNotContain("let in");
  }

  /**
   * The guesses' answers are held back for seconds. If those that log in elsewhere were held back
   * with them, even by a little each, they would not be done before.
   */
  @Test
  void aFloodOfGuessesOnOneBranchDoesNotHoldBackLoginsOnAnother() throws Exception {
    var server = proxy(LimitsConfig.DEFAULT);
    var port = server.addresses().getFirst().getPort();
    var answers = new ConcurrentLinkedQueue<String>();
    try (var flood = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int guess = 0; guess < GUESSES; guess++) {
        flood.execute(() -> answers.add(guess(port)));
      }
      // The first few are answered at once, most some seconds later, the rest after those.
      await().atMost(Duration.ofSeconds(30)).until(() -> answers.size() > GUESSES / 2);
      assertThat(answers).hasSizeLessThan(GUESSES);

      for (int login = 0; login < LOGINS; login++) {
        login(port, "pr-quiet", "right").close();
      }

      assertThat(answers).as("some still wait").hasSizeLessThan(GUESSES);
    } finally {
      server.close(Duration.ofSeconds(5));
    }
    assertThat(answers).hasSize(GUESSES).containsOnly("28P01");
  }

  private static String guess(int port) {
    try (var _ = login(port, "pr-flooded", "wrong")) {
      return "let in";
    } catch (SQLException e) {
      return e.getSQLState();
    }
  }

  private static Connection login(int port, String branch, String password) throws SQLException {
    var properties = new Properties();
    properties.setProperty("user", "app");
    properties.setProperty("password", password);
    properties.setProperty("sslMode", "disable");
    properties.setProperty("loginTimeout", "60");
    return DriverManager.getConnection(
        "jdbc:postgresql://127.0.0.1:" + port + "/postgres@" + branch, properties);
  }
}
