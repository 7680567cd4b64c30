package io.vela.proxy.differential;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.Arrays;

/** A raw connection to a server; what it reads has process ids and cancel secrets blotted out. */
final class Peer implements AutoCloseable {
  private final SocketChannel socket;
  private final ByteBuffer read = ByteBuffer.allocate(1 << 16);
  private byte[] pending = new byte[0];
  private byte[] cancelKey = new byte[0];
  private boolean ended;

  Peer(SocketAddress address) throws IOException {
    socket = SocketChannel.open(address);
    if (address instanceof InetSocketAddress) {
      socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
    }
  }

  /** Ignores that the other side has closed: what it said before tells why. */
  void send(byte[] bytes, int from, int to) {
    try {
      var left = ByteBuffer.wrap(bytes, from, to - from);
      while (left.hasRemaining()) {
        socket.write(left);
      }
    } catch (IOException e) {
      // Read to the end instead.
    }
  }

  void send(byte[] bytes) {
    send(bytes, 0, bytes.length);
  }

  void endOutput() {
    try {
      socket.shutdownOutput();
    } catch (IOException e) {
      // It has closed already.
    }
  }

  private boolean more() {
    read.clear();
    int count;
    try {
      count = socket.read(read);
    } catch (IOException e) {
      // A reset: bytes of ours were on their way when it closed.
      count = -1;
    }
    if (count < 0) {
      ended = true;
      return false;
    }
    int before = pending.length;
    pending = Arrays.copyOf(pending, before + count);
    read.flip().get(pending, before, count);
    return true;
  }

  /** Process id and secret as they came; empty before that. */
  byte[] cancelKey() {
    return cancelKey;
  }

  /** The messages up to one of the type, or to the end. */
  String readUntil(char type, int times) {
    var all = new StringBuilder();
    int left = times;
    while (left > 0) {
      var message = readMessage();
      if (message.isEmpty()) {
        return all.append("END").toString();
      }
      all.append(message);
      if (message.charAt(0) == type) {
        left--;
      }
    }
    return all.toString();
  }

  /** What is read until the end. */
  String readToEnd() {
    return readUntil('\0', Integer.MAX_VALUE);
  }

  /** Empty at the end; what is no whole message at the end is given as it is. */
  private String readMessage() {
    while (true) {
      int length = pending.length < 5 ? 0 : ByteBuffer.wrap(pending).getInt(1);
      if (length >= 4 && length < 1 << 26 && pending.length >= 1 + length) {
        var message = Arrays.copyOf(pending, 1 + length);
        pending = Arrays.copyOfRange(pending, 1 + length, pending.length);
        return show(message);
      }
      if (ended || !more()) {
        var rest = new String(pending, ISO_8859_1);
        pending = new byte[0];
        return rest;
      }
    }
  }

  private String show(byte[] message) {
    switch (message[0]) {
      // Process id and secret; the secret's length counts.
      case 'K' -> {
        cancelKey = Arrays.copyOfRange(message, 5, message.length);
        Arrays.fill(message, 5, message.length, (byte) '#');
      }
      // Whose notification it is.
      case 'A' -> Arrays.fill(message, 5, 9, (byte) '#');
      default -> {}
    }
    return new String(message, ISO_8859_1);
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
