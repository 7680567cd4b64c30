package io.vela.admin;

import io.vela.config.value.HostPort;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** A connection on which a test writes what no proper client would. */
final class RawHttp implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final Socket socket;

  RawHttp(HostPort server) throws IOException {
    socket = new Socket(server.host(), server.port());
    socket.setSoTimeout((int) PATIENCE.toMillis());
  }

  /** Writes lines as HTTP ends them. */
  RawHttp write(String text) throws IOException {
    return write(text.replace("\n", "\r\n").getBytes(StandardCharsets.ISO_8859_1));
  }

  RawHttp write(byte[] bytes) throws IOException {
    socket.getOutputStream().write(bytes);
    return this;
  }

  /** The first bytes of the answer, among them the status line; empty when it was closed. */
  String answer() throws IOException {
    var bytes = new byte[64 * 1024];
    int count = Math.max(0, socket.getInputStream().read(bytes));
    return new String(bytes, 0, count, StandardCharsets.ISO_8859_1);
  }

  /** Waits until the server has closed the connection. */
  void awaitClosed() throws IOException {
    try {
      while (socket.getInputStream().read() >= 0) {
        // what it said before
      }
    } catch (java.net.SocketTimeoutException e) {
      throw new AssertionError("the connection is still open", e);
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
