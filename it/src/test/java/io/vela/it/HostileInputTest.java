package io.vela.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Bytes that no client of good will sends: answered or closed, bounded, and nobody else notices.
 */
final class HostileInputTest {
  private static Scratch scratch;
  private static Vela vela;

  @BeforeAll
  static void start() throws Exception {
    scratch = new Scratch();
    var config = scratch.folder().resolve("vela.yaml");
    Files.writeString(config, "limits:\n  authentication-timeout: 2s\n");
    vela = Vela.start(scratch.data(), "--config", config.toString());
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    scratch.close();
  }

  private static Socket open() throws IOException {
    var socket = new Socket(InetAddress.getLoopbackAddress(), vela.port());
    socket.setSoTimeout(20_000);
    return socket;
  }

  /** Sends bytes and returns all that comes until the server closes. */
  private static String exchange(byte[] bytes) throws IOException {
    try (var socket = open()) {
      socket.getOutputStream().write(bytes);
      socket.getOutputStream().flush();
      return new String(socket.getInputStream().readAllBytes(), UTF_8);
    } catch (java.net.SocketException e) {
      return "reset";
    }
  }

  private static byte[] packet(int length, int code, String... strings) throws IOException {
    var bytes = new ByteArrayOutputStream();
    var packet = new DataOutputStream(bytes);
    packet.writeInt(length);
    packet.writeInt(code);
    for (var string : strings) {
      packet.write(string.getBytes(UTF_8));
      packet.writeByte(0);
    }
    return bytes.toByteArray();
  }

  @Test
  void lengthsOutOfRangeAreAProtocolViolation() throws IOException {
    for (int length : new int[] {0, 3, -1, 10_005, 1 << 30, Integer.MAX_VALUE}) {
      assertThat(exchange(packet(length, 196_608))).as("length %d", length).contains("08P01");
    }
  }

  @Test
  void aStartupPacketWithoutUserOrTerminatorIsRefused() throws IOException {
    assertThat(exchange(packet(9, 196_608, ""))).contains("C28000");
    assertThat(exchange(packet(8 + 5, 196_608, "user"))).contains("08P01");
  }

  @Test
  void anotherProtocolIsRefused() throws IOException {
    assertThat(exchange("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(UTF_8)))
        .contains("08P01");
  }

  @Test
  void aClientThatSaysNothingOrHalfAPacketIsClosedInTime() throws IOException {
    assertThat(exchange(new byte[0])).isEmpty();
    assertThat(exchange(new byte[] {0, 0, 0, 50, 0})).isEmpty();
  }

  @Test
  void aThousandMalformedClientsDisturbNobody() throws Exception {
    var random = new Random(7);
    var login = vela.superuser();
    try (var good = vela.connect(login.user(), login.password(), "postgres@good");
        var statement = good.createStatement()) {
      long before = residentKilobytes();
      var sockets = new ArrayList<Socket>();
      for (int client = 0; client < 1000; client++) {
        var socket = open();
        sockets.add(socket);
        var noise = new byte[random.nextInt(1, 3000)];
        random.nextBytes(noise);
        try {
          socket.getOutputStream().write(noise);
        } catch (IOException e) {
          // already refused
        }
        if (client % 100 == 0) {
          try (var row = statement.executeQuery("SELECT 1")) {
            assertThat(row.next()).isTrue();
          }
        }
      }
      for (var socket : sockets) {
        socket.close();
      }
      assertThat(residentKilobytes() - before).isLessThan(120_000);
      try (var row = statement.executeQuery("SELECT 1")) {
        assertThat(row.next()).isTrue();
      }
    }
    assertThat(vela.said()).doesNotContain("LEAK");
    assertThat(Files.readString(vela.data().resolve("vela.log"))).doesNotContain("LEAK");
  }

  private static long residentKilobytes() throws IOException {
    return Files.readAllLines(Path.of("/proc/" + vela.pid() + "/status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
        .findFirst()
        .orElseThrow();
  }
}
