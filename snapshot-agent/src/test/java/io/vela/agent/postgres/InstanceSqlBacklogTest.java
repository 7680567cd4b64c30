package io.vela.agent.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.agent.CloneException;
import io.vela.agent.Endpoint;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Vela's own questions to an instance whose socket's backlog its clients have filled. */
@Timeout(60)
class InstanceSqlBacklogTest {
  private static final int STARTUP_BYTES = 8;

  @TempDir private Path folder;
  private final List<AutoCloseable> open = new ArrayList<>();

  @AfterEach
  void close() throws Exception {
    for (var one : open.reversed()) {
      one.close();
    }
  }

  private void fill(UnixDomainSocketAddress socket) throws Exception {
    while (true) {
      var client = SocketChannel.open(StandardProtocolFamily.UNIX);
      open.add(client);
      client.configureBlocking(false);
      try {
        client.connect(socket);
      } catch (SocketException full) {
        return;
      }
    }
  }

  @Test
  void aQuestionWaitsForRoomInTheBacklog() throws Exception {
    var socket = UnixDomainSocketAddress.of(folder.resolve("s"));
    var instance = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    open.add(instance);
    instance.bind(socket, 1);
    fill(socket);
    var sql = new InstanceSql(new Endpoint.UnixSocket(socket.getPath().toString()), 18, "postgres");
    var threads = Executors.newVirtualThreadPerTaskExecutor();
    open.add(threads);
    var answer =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return sql.activity(List.of("postgres"));
              } catch (CloneException e) {
                throw new IllegalStateException(e);
              }
            },
            threads);

    await()
        .during(Duration.ofMillis(500))
        .atMost(Duration.ofSeconds(5))
        .until(() -> !answer.isDone());

    // Those that fill it say nothing.
    instance.configureBlocking(false);
    var accepted = new ArrayList<SocketChannel>();
    var said = ByteBuffer.allocate(1024);
    await()
        .until(
            () -> {
              var next = instance.accept();
              if (next != null) {
                next.configureBlocking(false);
                open.add(next);
                accepted.add(next);
              }
              for (var one : accepted) {
                one.read(said);
              }
              return said.position() >= STARTUP_BYTES;
            });
    assertThat(answer).isNotDone();
    for (var one : accepted) {
      one.close();
    }
    assertThatThrownBy(answer::get).isInstanceOf(ExecutionException.class);
  }
}
