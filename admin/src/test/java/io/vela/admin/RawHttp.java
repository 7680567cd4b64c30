package io.vela.admin;

import io.vela.config.value.HostPort;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.regex.Pattern;

/** A connection on which a test writes what no proper client would. */
final class RawHttp implements AutoCloseable {
  private static final Pattern LENGTH =
      Pattern.compile("(?is)content-length: (\\d+)\r\n(?:[^\r]+\r\n)*\r\n");
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

  /** One answer, or what came of it before the connection was closed. */
  String answer() throws IOException {
    var answer = new StringBuilder();
    while (!isComplete(answer)) {
      int next = socket.getInputStream().read();
      if (next < 0) {
        break;
      }
      answer.append((char) next);
    }
    return answer.toString();
  }

  private static boolean isComplete(CharSequence answer) {
    var length = LENGTH.matcher(answer);
    return length.find() && answer.length() >= length.end() + Integer.parseInt(length.group(1));
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
