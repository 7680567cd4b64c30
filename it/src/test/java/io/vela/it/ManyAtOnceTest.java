package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.it.support.RawClient;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Two thousand clients of one branch that come at the same moment, with nothing configured. */
final class ManyAtOnceTest {
  private static final int CLIENTS = 2_000;

  private static Scratch scratch;
  private static Vela vela;

  @BeforeAll
  static void start() throws Exception {
    scratch = new Scratch();
    vela = Vela.start(scratch.data());
    vela.connect("crowd").close();
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    scratch.close();
  }

  /** All of them stay until the last has its row. */
  @Test
  @Timeout(180)
  void eachGetsARow() throws Exception {
    var login = vela.superuser();
    var outcomes = new ConcurrentLinkedQueue<String>();
    var ready = new CountDownLatch(CLIENTS);
    var go = new CountDownLatch(1);
    var served = new CountDownLatch(CLIENTS);
    long began;
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < CLIENTS; i++) {
        int number = i;
        threads.execute(
            () -> {
              ready.countDown();
              try {
                go.await();
                outcomes.add(ask(login, number, served));
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
      }
      ready.await();
      began = System.nanoTime();
      go.countDown();
    }
    System.err.printf(
        "%d clients at once: %d ms, %s%n",
        CLIENTS, (System.nanoTime() - began) / 1_000_000, count(outcomes));

    assertThat(count(outcomes)).isEqualTo(Map.of("a row", (long) CLIENTS));
  }

  private static Map<String, Long> count(Iterable<String> outcomes) {
    var all = new TreeMap<String, Long>();
    outcomes.forEach(one -> all.merge(one, 1L, Long::sum));
    return all;
  }

  private static String ask(Vela.Login login, int number, CountDownLatch served)
      throws InterruptedException {
    try (var client = new RawClient(vela.port())) {
      try {
        var ready = client.login(login.user(), login.password(), "postgres@crowd");
        if (ready.type() != 'Z') {
          return "login: " + ready.text();
        }
        client.query("SELECT " + number);
        var row = client.readUntil('D');
        return row.text().endsWith(Integer.toString(number)) ? "a row" : "query: " + row.text();
      } finally {
        served.countDown();
        served.await(150, TimeUnit.SECONDS);
      }
    } catch (IOException e) {
      return e.toString();
    }
  }
}
