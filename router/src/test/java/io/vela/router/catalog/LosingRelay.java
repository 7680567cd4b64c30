package io.vela.router.catalog;

import io.vertx.pgclient.PgConnectOptions;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;

/**
 * Stands between the catalogue and its server, and loses one answer when told to: the server has
 * carried the statement out, and its client hears nothing but the end of the connection.
 */
final class LosingRelay implements AutoCloseable {
  private static final Pattern COMPLETE =
      Pattern.compile("(SELECT|UPDATE|DELETE|INSERT 0) \\d+\0", Pattern.DOTALL);

  private final CatalogServer server;
  private final Path folder;
  private final ServerSocketChannel listening;
  private final AtomicReference<Optional<String>> toLose = new AtomicReference<>(Optional.empty());

  LosingRelay(CatalogServer server) throws IOException {
    this.server = server;
    folder = Files.createTempDirectory("vela-relay");
    listening = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    listening.bind(UnixDomainSocketAddress.of(folder.resolve(".s.PGSQL.5432")));
    Thread.startVirtualThread(this::accept);
  }

  PgConnectOptions options() {
    return server.options().setHost(folder.toString()).setPort(5432);
  }

  /** Loses the answer to the next statement that has this in it. */
  void loseAnswerTo(String part) {
    toLose.set(Optional.of(part));
  }

  /** Whether the answer has been lost. */
  boolean hasLost() {
    return toLose.get().isEmpty();
  }

  private void accept() {
    try {
      while (true) {
        var client = listening.accept();
        SocketChannel backend;
        try {
          backend = SocketChannel.open(UnixDomainSocketAddress.of(server.socket()));
        } catch (IOException e) {
          client.close(); // The server does not run.
          continue;
        }
        var armed = new AtomicBoolean();
        Thread.startVirtualThread(() -> pass(client, backend, text -> arm(text, armed)));
        Thread.startVirtualThread(() -> pass(backend, client, text -> loses(text, armed)));
      }
    } catch (IOException e) {
      // It has been closed.
    }
  }

  private boolean arm(String text, AtomicBoolean armed) {
    if (toLose.get().filter(text::contains).isPresent()) {
      armed.set(true);
    }
    return false;
  }

  private boolean loses(String text, AtomicBoolean armed) {
    if (armed.get() && COMPLETE.matcher(text).find()) {
      toLose.set(Optional.empty());
      return true;
    }
    return false;
  }

  private interface Cut {
    boolean isDue(String text);
  }

  private static void pass(SocketChannel from, SocketChannel to, Cut cut) {
    try (from;
        to) {
      var bytes = ByteBuffer.allocate(64 * 1024);
      while (from.read(bytes) >= 0) {
        bytes.flip();
        if (cut.isDue(StandardCharsets.ISO_8859_1.decode(bytes.duplicate()).toString())) {
          return;
        }
        while (bytes.hasRemaining()) {
          to.write(bytes);
        }
        bytes.clear();
      }
    } catch (IOException e) {
      // One side has gone, and with it the other.
    }
  }

  @Override
  public void close() throws IOException {
    listening.close();
    Files.deleteIfExists(folder.resolve(".s.PGSQL.5432"));
    Files.delete(folder);
  }
}
