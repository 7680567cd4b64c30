package io.vela.it.soak;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.it.support.Run;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * 300 clients of 30 branches that sleep by themselves, are put to sleep, woken and restarted, while
 * clients are killed: no other client sees an error, what was committed is there, and memory stays
 * flat. A minute in the build; {@code -Dvela.soak.seconds=600} for longer.
 */
final class SoakTest {
  private static final Duration TIME = Duration.ofSeconds(Long.getLong("vela.soak.seconds", 60));
  private static final long SEED = Long.getLong("vela.soak.seed", 5);
  private static final int BRANCHES = 30;
  private static final int CLIENTS = 300;
  private static final int PARTS = 3;

  private static final List<String> VERBS = List.of("suspend", "resume", "restart");

  private static Scratch scratch;
  private static Vela vela;

  private final AtomicBoolean over = new AtomicBoolean();
  private final Random random = new Random(SEED);
  private final Map<String, Integer> orders = new TreeMap<>();

  @BeforeAll
  static void start() throws Exception {
    scratch = new Scratch();
    var config = scratch.folder().resolve("vela.yaml");
    Files.writeString(
        config,
        """
        limits: {wake-timeout: 2min}
        baselines:
          main:
            branches: {suspend-after: 2s}
        """);
    vela = Vela.start(scratch.data(), "--config", config.toString());
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    scratch.close();
  }

  /**
   * Memory of Vela's process.
   *
   * @param heapKib in use after a collection
   * @param residentKib of the process
   */
  private record Memory(long heapKib, long residentKib) {}

  @Test
  @Timeout(value = 25, unit = TimeUnit.MINUTES)
  void nobodyNoticesWhatBranchesDoAndNothingIsLost() throws Exception {
    var clients = clients();
    var threads = clients.stream().map(client -> Thread.ofVirtual().unstarted(client)).toList();
    threads.forEach(Thread::start);
    var memory = new ArrayList<Memory>();
    for (int part = 0; part < PARTS; part++) {
      disturb(clients, TIME.dividedBy(PARTS));
      memory.add(memory());
    }
    over.set(true);
    for (var thread : threads) {
      assertThat(thread.join(Duration.ofMinutes(3))).as("a client has ended").isTrue();
    }

    report(clients, memory);
    assertThat(clients).flatMap(SoakClient::errors).isEmpty();
    for (int branch = 0; branch < BRANCHES; branch++) {
      allIsThere(name(branch), clients);
    }
    assertThat(orders).containsKeys("suspend done", "resume done", "restart done");
    assertThat(clients.stream().mapToInt(SoakClient::kills).sum()).isPositive();
    assertThat(vela.metric("^vela_session_parks_total\\{.*outcome=\"parked\"")).isPositive();
    // The first part is when all that is needed was made.
    assertThat(memory.getLast().heapKib()).isLessThan(memory.getFirst().heapKib() * 5 / 4 + 8192);
    assertThat(memory.getLast().residentKib())
        .isLessThan(memory.getFirst().residentKib() * 5 / 4 + 32768);
    assertThat(Files.readString(vela.data().resolve("vela.log"))).doesNotContain("LEAK:");
  }

  private List<SoakClient> clients() throws SQLException {
    var tokens = new ArrayList<Vela.Token>();
    for (int branch = 0; branch < BRANCHES; branch++) {
      try (var connection = vela.connect(name(branch));
          var statement = connection.createStatement()) {
        statement.execute("CREATE ROLE app LOGIN PASSWORD 'app'");
        statement.execute("CREATE TABLE kept (client int, n int, PRIMARY KEY (client, n))");
        statement.execute("GRANT ALL ON kept TO app");
      }
      tokens.add(vela.mintToken(name(branch), "app"));
    }
    return IntStream.range(0, CLIENTS)
        .mapToObj(
            number -> {
              var branch = name(number % BRANCHES);
              var token = tokens.get(number % BRANCHES);
              return new SoakClient(
                  number, branch, () -> open(number, branch, token), over, SEED + number);
            })
        .toList();
  }

  private static String name(int branch) {
    return "soak-" + branch;
  }

  /** Every other client of a branch with its role's password, the others with a token. */
  private static Connection open(int number, String branch, Vela.Token token) throws SQLException {
    return number / BRANCHES % 2 == 0
        ? vela.connect("app", "app", "postgres@" + branch)
        : vela.connect("app~" + token.id(), token.secret(), "postgres");
  }

  /** Orders to branches, and kills, at random moments. */
  private void disturb(List<SoakClient> clients, Duration time) throws Exception {
    long end = System.nanoTime() + time.toNanos();
    while (System.nanoTime() < end) {
      var branch = name(random.nextInt(BRANCHES));
      var verb = VERBS.get(random.nextInt(VERBS.size()));
      orders.merge(verb + " " + outcome(vela.order(branch, verb)), 1, Integer::sum);
      clients.get(random.nextInt(CLIENTS)).kill();
      TimeUnit.MILLISECONDS.sleep(random.nextInt(500));
    }
  }

  /** An order is carried out, or sessions at work are in its way: anything else is an error. */
  private static String outcome(String answer) {
    if (answer.contains("\"state\"")) {
      return "done";
    }
    assertThat(answer).contains("in-use");
    return "in-use";
  }

  private static Memory memory() throws IOException {
    var jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
    var pid = Long.toString(vela.pid());
    Run.program(jcmd, pid, "GC.run").text();
    var heap = Run.program(jcmd, pid, "GC.heap_info").text();
    var status = Files.readString(Path.of("/proc/" + pid + "/status"));
    return new Memory(
        Pattern.compile("(?:generation|Tenured).*?used (\\d+)K")
            .matcher(heap)
            .results()
            .mapToLong(found -> Long.parseLong(found.group(1)))
            .sum(),
        Pattern.compile("VmRSS:\\s+(\\d+) kB")
            .matcher(status)
            .results()
            .mapToLong(found -> Long.parseLong(found.group(1)))
            .sum());
  }

  private static void allIsThere(String branch, List<SoakClient> clients) throws SQLException {
    var there = new HashMap<Integer, Set<Integer>>();
    try (var connection = vela.connect(branch);
        var statement = connection.createStatement();
        var rows = statement.executeQuery("SELECT client, n FROM kept")) {
      while (rows.next()) {
        there.computeIfAbsent(rows.getInt(1), _ -> new HashSet<>()).add(rows.getInt(2));
      }
    }
    clients.stream()
        .filter(client -> client.branch().equals(branch))
        .forEach(
            client -> {
              var rows = there.getOrDefault(client.number(), Set.of());
              assertThat(rows).as(branch).containsAll(client.acknowledged());
              assertThat(client.acknowledged().size() + client.uncertain().size())
                  .isGreaterThanOrEqualTo(rows.size());
            });
  }

  private void report(List<SoakClient> clients, List<Memory> memory) {
    int rows = clients.stream().mapToInt(client -> client.acknowledged().size()).sum();
    int kills = clients.stream().mapToInt(SoakClient::kills).sum();
    double parks = vela.metric("^vela_session_parks_total\\{.*outcome=\"parked\"");
    double wakes = vela.metric("^vela_branch_wake_seconds_count\\{.*kind=\"wake\"");
    System.out.printf(
        "soak of %d s: %d rows, %d kills, orders %s, %.0f sessions parked, %.0f wakes, memory %s%n",
        TIME.toSeconds(), rows, kills, orders, parks, wakes, memory);
  }
}
