package io.vela.proxy;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;

/** A client that sends what it likes. Reads give up after 30 s. */
final class RawClient implements AutoCloseable {
  private final Socket socket;
  private final DataOutputStream out;
  private final DataInputStream in;

  RawClient(InetSocketAddress address) throws IOException {
    this(new Socket(address.getAddress(), address.getPort()));
  }

  RawClient(Socket socket) throws IOException {
    this.socket = socket;
    socket.setSoTimeout(30_000);
    out = new DataOutputStream(socket.getOutputStream());
    in = new DataInputStream(socket.getInputStream());
  }

  void send(byte[] bytes) throws IOException {
    out.write(bytes);
    out.flush();
  }

  void sendInts(int... values) throws IOException {
    for (var value : values) {
      out.writeInt(value);
    }
    out.flush();
  }

  void startup(String... parameters) throws IOException {
    startup(3 << 16, parameters);
  }

  void startup(int version, String... parameters) throws IOException {
    var body = new ByteArrayOutputStream();
    var data = new DataOutputStream(body);
    data.writeInt(version);
    for (var parameter : parameters) {
      data.write(parameter.getBytes(UTF_8));
      data.writeByte(0);
    }
    data.writeByte(0);
    out.writeInt(body.size() + 4);
    send(body.toByteArray());
  }

  void query(String sql) throws IOException {
    var body = sql.getBytes(UTF_8);
    // In one write: the other end may close after the first byte.
    send(
        ByteBuffer.allocate(body.length + 6)
            .put((byte) 'Q')
            .putInt(body.length + 5)
            .put(body)
            .put((byte) 0)
            .array());
  }

  Socket socket() {
    return socket;
  }

  /** Sends no more, but reads on. */
  void endOutput() throws IOException {
    socket.shutdownOutput();
  }

  int readByte() throws IOException {
    return in.read();
  }

  /** The next message, type and content as text; empty at the end. */
  String readMessage() throws IOException {
    var type = in.read();
    if (type < 0) {
      return "";
    }
    var content = new byte[in.readInt() - 4];
    in.readFully(content);
    return (char) type + new String(content, UTF_8).replace('\0', '|');
  }

  /** Reads until a message of the type. */
  String readUntil(char type) throws IOException {
    while (true) {
      var message = readMessage();
      if (message.isEmpty() || message.charAt(0) == type) {
        return message;
      }
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
