package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Vela with 256 file descriptors, and more clients than that which connect and say nothing. */
@Timeout(180)
final class FewDescriptorsTest {
  private static final int LIMIT = 256;
  private static final int IDLE = 300;
  private static final String LISTEN = "listen:\n  - address: 127.0.0.1:0\n";

  private final List<Socket> sockets = new ArrayList<>();
  private final Scratch scratch = new Scratch();

  @AfterEach
  void stop() throws Exception {
    for (var socket : sockets) {
      socket.close();
    }
    scratch.close();
  }

  private Vela start(String config) throws Exception {
    var file = scratch.folder().resolve("vela.yaml");
    Files.writeString(file, config);
    var vela = Vela.startWithDescriptors(LIMIT, scratch.data(), file);
    for (var branch : List.of("awake", "asleep")) {
      assertThat(isServed(vela, branch)).isTrue();
    }
    assertThat(vela.cli("branch", "suspend", "asleep").code()).isZero();
    return vela;
  }

  private static boolean isServed(Vela vela, String branch) throws SQLException {
    try (var connection = vela.connect(branch)) {
      return connection.isValid(5);
    }
  }

  /** Connects, as many as there may be idle ones, and leaves them open. */
  private void idle(int port) throws IOException {
    for (int i = 0; i < IDLE; i++) {
      sockets.add(new Socket(InetAddress.getLoopbackAddress(), port));
    }
  }

  private static long openDescriptors(Vela vela) {
    try (var open = Files.list(Path.of("/proc/" + vela.pid() + "/fd"))) {
      return open.count();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static void assertWorks(Vela vela) {
    assertThat(vela.cli("branch", "suspend", "awake").text()).contains("suspended");
    assertThat(vela.cli("branch", "delete", "awake").code()).isZero();
    assertThat(vela.cli("branch", "delete", "asleep").code()).isZero();
    assertThat(vela.state("awake")).isEqualTo("absent");
    assertThat(vela.state("asleep")).isEqualTo("absent");
  }

  @Test
  void idleClientsLeaveDescriptorsForSuspendAndDelete() throws Exception {
    try (var vela =
        start(LISTEN + "http: 127.0.0.1:0\nlimits:\n  authentication-timeout: 2min\n")) {
      idle(vela.port());
      await()
          .atMost(Duration.ofSeconds(20))
          .untilAsserted(() -> assertThat(openDescriptors(vela)).isLessThan(LIMIT - 40));

      assertWorks(vela);

      assertThat(Files.readString(vela.data().resolve("vela.log")))
          .contains("where it is not set, by the limit of file descriptors limit=256");
    }
  }

  @Test
  void idleHttpConnectionsLeaveDescriptorsToo() throws Exception {
    try (var vela = start(LISTEN + "http:\n  address: 127.0.0.1:0\n  header-timeout: 2s\n")) {
      idle(URI.create(vela.httpUrl()).getPort());
      await()
          .atMost(Duration.ofSeconds(20))
          .untilAsserted(() -> assertThat(openDescriptors(vela)).isLessThan(LIMIT - 40));

      // Those that were let in are closed once they have not said anything for as long.
      await().atMost(Duration.ofSeconds(20)).until(() -> vela.cli("branch", "list").code() == 0);
      assertWorks(vela);
    }
  }

  @Test
  void aBoundThatIsSetTooHighLeavesThemToo() throws Exception {
    try (var vela = start(LISTEN + "    max-connections: 10000\nhttp: 127.0.0.1:0\n")) {
      idle(vela.port());
      await()
          .atMost(Duration.ofSeconds(20))
          .untilAsserted(() -> assertThat(openDescriptors(vela)).isLessThan(LIMIT - 40));
      assertNoThreadSpins(vela);
      assertWorks(vela);

      for (var socket : sockets) {
        socket.close();
      }
      await()
          .atMost(Duration.ofSeconds(30))
          .ignoreExceptions()
          .until(() -> isServed(vela, "awake"));
      assertThat(Files.readString(vela.data().resolve("vela.log")))
          .contains("max-connections is more than the limit of file descriptors has room for");
    }
  }

  /** While branches are awake and nothing happens. */
  private static void assertNoThreadSpins(Vela vela) {
    var before = cpuTicks(vela);
    var asked = System.nanoTime();
    await()
        .pollDelay(Duration.ofSeconds(3))
        .atMost(Duration.ofSeconds(20))
        .until(() -> System.nanoTime() - asked >= Duration.ofSeconds(3).toNanos());
    // A thread that spins takes a hundred a second, fewer where it must share a core.
    assertThat(cpuTicks(vela))
        .allSatisfy(
            (thread, ticks) ->
                assertThat(ticks - before.getOrDefault(thread, 0L)).as(thread).isLessThan(60));
  }

  /**
   * Of each thread but those of the compiler, by name and id: user and system time in hundredths of
   * a second (proc(5)).
   */
  private static Map<String, Long> cpuTicks(Vela vela) {
    var all = new HashMap<String, Long>();
    try (var threads = Files.list(Path.of("/proc/" + vela.pid() + "/task"))) {
      for (var thread : threads.toList()) {
        var stat = Files.readString(thread.resolve("stat"));
        var name = stat.substring(0, stat.lastIndexOf(')') + 1);
        var fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        if (!name.contains("CompilerThre")) {
          all.put(name, Long.parseLong(fields[11]) + Long.parseLong(fields[12]));
        }
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return all;
  }
}
