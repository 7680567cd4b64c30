package io.vela.proxy.relay;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.vela.proxy.wire.Bytes;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;

/** A client that speaks the protocol byte by byte. */
final class RawClient implements AutoCloseable {
  private final Socket socket = new Socket();
  private final DataInputStream in;
  private int processId;

  /** A message, with its payload as one character a byte. */
  record Message(char type, String payload) {}

  RawClient(int port) throws IOException {
    // A small window, so that what is not read stays with the relay.
    socket.setReceiveBufferSize(32 * 1024);
    socket.setSoTimeout(30_000);
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 5_000);
    in = new DataInputStream(new BufferedInputStream(socket.getInputStream(), 1 << 16));
    var startup = "\0\3\0\0user\0postgres\0database\0postgres\0\0".getBytes(ISO_8859_1);
    socket
        .getOutputStream()
        .write(
            ByteBuffer.allocate(4 + startup.length)
                .putInt(4 + startup.length)
                .put(startup)
                .array());
    for (var message = read(); message.type() != 'Z'; message = read()) {
      if (message.type() == 'K') {
        processId = ByteBuffer.wrap(message.payload().getBytes(ISO_8859_1)).getInt();
      }
    }
  }

  int processId() {
    return processId;
  }

  void query(String sql) throws IOException {
    socket.getOutputStream().write(new Bytes().message('Q', sql + "\0").toArray());
  }

  void endOutput() throws IOException {
    socket.shutdownOutput();
  }

  Message read() throws IOException {
    char type = (char) in.readUnsignedByte();
    var payload = new byte[in.readInt() - 4];
    in.readFully(payload);
    return new Message(type, new String(payload, ISO_8859_1));
  }

  /** Reads messages until one of this type, counting payload bytes before it. */
  long skipTo(char type) throws IOException {
    long bytes = 0;
    for (var message = read(); message.type() != type; message = read()) {
      bytes += message.payload().length();
    }
    return bytes;
  }

  boolean atEnd() throws IOException {
    try {
      in.readByte();
      return false;
    } catch (EOFException e) {
      return true;
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
