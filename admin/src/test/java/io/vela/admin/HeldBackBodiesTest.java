package io.vela.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.config.value.HostPort;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** 400 clients that announce a body of a megabyte each, send most of it and hold back the rest. */
@Timeout(120)
final class HeldBackBodiesTest {
  private static final int CLIENTS = 400;
  private static final int BODY = 1 << 20;

  /** As much as each socket takes is sent for so long. */
  private static final Duration SENDING = Duration.ofSeconds(4);

  private final List<SocketChannel> clients = new ArrayList<>();
  private final Process process;
  private final HostPort address;

  HeldBackBodiesTest() throws IOException {
    process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-XX:+ExitOnOutOfMemoryError",
                "-cp",
                System.getProperty("java.class.path"),
                SmallServer.class.getName())
            .redirectErrorStream(true)
            .start();
    var out = new BufferedReader(process.inputReader(StandardCharsets.UTF_8));
    String line;
    do {
      line = out.readLine();
    } while (line != null && !line.matches("\\d+"));
    address = new HostPort("127.0.0.1", Integer.parseInt(String.valueOf(line)));
    Thread.startVirtualThread(() -> out.lines().forEach(_ -> {}));
  }

  @AfterEach
  void stop() throws Exception {
    for (var client : clients) {
      client.close();
    }
    process.getOutputStream().close();
    if (!process.waitFor(20, TimeUnit.SECONDS)) {
      process.destroyForcibly();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "vela_root_wrong", FakeRouter.BEARER})
  void leaveAServerWith256MegabytesStanding(String bearer) throws Exception {
    var head =
        """
        POST /v1/branches/pr-1 HTTP/1.1
        Host: localhost
        Authorization: Bearer %s
        Transfer-Encoding: chunked

        %x
        """
            .formatted(bearer, BODY)
            .replace("\n", "\r\n")
            .getBytes(StandardCharsets.ISO_8859_1);
    var bytes = ByteBuffer.allocate(head.length + BODY - 1).put(head).rewind();
    var waiting = new ArrayList<ByteBuffer>();
    for (int i = 0; i < CLIENTS; i++) {
      var client = SocketChannel.open(new InetSocketAddress(address.host(), address.port()));
      client.configureBlocking(false);
      clients.add(client);
      waiting.add(bytes.duplicate());
    }
    long deadline = System.nanoTime() + SENDING.toNanos();
    while (System.nanoTime() < deadline) {
      for (int i = 0; i < CLIENTS; i++) {
        send(clients.get(i), waiting.get(i));
      }
    }

    assertThat(process.isAlive()).isTrue();
    for (var client : clients.subList(0, CLIENTS - 100)) {
      client.close();
    }
    Awaitility.await().atMost(Duration.ofSeconds(20)).ignoreExceptions().until(this::serves);
    assertThat(process.isAlive()).isTrue();
  }

  private static void send(SocketChannel client, ByteBuffer bytes) {
    try {
      if (client.isOpen() && bytes.hasRemaining()) {
        client.write(bytes);
      }
    } catch (IOException e) {
      bytes.position(bytes.limit()); // The server has closed it.
    }
  }

  private boolean serves() throws IOException {
    try (var http = new RawHttp(address)) {
      return http.write("GET /healthz HTTP/1.1\nHost: localhost\n\n")
          .answer()
          .startsWith("HTTP/1.1 200 ");
    }
  }
}
