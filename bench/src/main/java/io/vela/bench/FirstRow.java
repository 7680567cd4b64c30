package io.vela.bench;

import com.ongres.scram.client.ScramClient;
import com.ongres.scram.common.ScramFunctions;
import com.ongres.scram.common.ScramMechanism;
import com.ongres.scram.common.ServerFirstMessage;
import com.ongres.scram.common.StringPreparation;
import com.ongres.scram.common.exception.ScramException;
import io.vela.config.value.Secret;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The smallest client that can be timed: connects, authenticates (trust or SCRAM-SHA-256), asks
 * {@code SELECT 1} and returns at the first row. It speaks protocol 3.0 by itself, so that no
 * driver's own work and none of Vela's code is in the figure. An account's key is derived once
 * (4,096 rounds of HMAC, some milliseconds): what that costs a client is in no figure but its
 * first.
 */
final class FirstRow {
  private final SocketAddress address;
  private final Account account;
  private final String database;

  FirstRow(SocketAddress address, Account account, String database) {
    this.address = address;
    this.account = account;
    this.database = database;
  }

  /** Who connects; shared by clients of the same account, so that its key is derived once. */
  static final class Account {
    private final String user;
    private final Secret password;
    private volatile byte @Nullable [] saltedPassword;

    Account(String user, Secret password) {
      this.user = user;
      this.password = password;
    }

    private ScramClient scram() throws ScramException {
      var builder =
          ScramClient.builder().advertisedMechanisms(List.of("SCRAM-SHA-256")).username("*");
      var derived = saltedPassword;
      return derived == null
          ? builder.password(password.reveal().toCharArray()).build()
          : builder.saltedPassword(derived).build();
    }

    private void keepKey(ServerFirstMessage message) {
      if (saltedPassword == null) {
        saltedPassword =
            ScramFunctions.saltedPassword(
                ScramMechanism.SCRAM_SHA_256,
                StringPreparation.POSTGRESQL_PREPARATION,
                password.reveal().toCharArray(),
                Base64.getDecoder().decode(message.getSalt()),
                message.getIterationCount());
      }
    }
  }

  /** The server refused; what it said. */
  static final class RefusedException extends IOException {
    private static final long serialVersionUID = 1L;

    RefusedException(String message) {
      super(message);
    }
  }

  /**
   * Connects and reads one row.
   *
   * @throws RefusedException when the server answered with an error
   * @throws IOException when it could not be reached
   */
  void fetch() throws IOException {
    try (var held = hold()) {
      held.fetch();
    }
  }

  /** Connects and asks a question; the answer is the first column of the first row. */
  String ask(String question) throws IOException {
    try (var held = hold()) {
      send(held.out, 'Q', text(question));
      var row = ByteBuffer.wrap(held.await('D').body);
      // DataRow: the number of columns, and before each value its length.
      var value = new byte[row.getInt(Short.BYTES)];
      row.get(Short.BYTES + Integer.BYTES, value);
      return new String(value, StandardCharsets.UTF_8);
    }
  }

  /** Connects, authenticates, and stays connected. */
  Held hold() throws IOException {
    var unix = address instanceof UnixDomainSocketAddress;
    var channel = unix ? SocketChannel.open(StandardProtocolFamily.UNIX) : SocketChannel.open();
    boolean connected = false;
    try {
      if (!unix) {
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      }
      channel.connect(address);
      var in = new DataInputStream(Channels.newInputStream(channel));
      var out = new DataOutputStream(Channels.newOutputStream(channel));
      send(out, 0, startup());
      authenticate(in, out);
      connected = true;
      return new Held(channel, in, out);
    } finally {
      if (!connected) {
        channel.close();
      }
    }
  }

  /** A connection that is past its authentication. */
  static final class Held implements AutoCloseable {
    private final SocketChannel channel;
    private final DataInputStream in;
    private final DataOutputStream out;

    private Held(SocketChannel channel, DataInputStream in, DataOutputStream out) {
      this.channel = channel;
      this.in = in;
      this.out = out;
    }

    private void fetch() throws IOException {
      send(out, 'Q', text("SELECT 1"));
      await('D');
    }

    /** Asks for rows and returns how long the first took, in ms, once all are there. */
    double millisToFirstRow(String query) throws IOException {
      long begin = System.nanoTime();
      send(out, 'Q', text(query));
      await('D');
      double millis = (System.nanoTime() - begin) / 1e6;
      await('Z');
      return millis;
    }

    /** Has a query done. */
    void run(String query) throws IOException {
      send(out, 'Q', text(query));
      await('Z');
    }

    /** Makes a prepared statement of the protocol, its parameters' types left to the server. */
    void prepare(String name, String query) throws IOException {
      var parse = new ByteArrayOutputStream();
      parse.write(text(name));
      parse.write(text(query));
      parse.write(new byte[Short.BYTES]);
      send(out, 'P', parse.toByteArray());
      send(out, 'S', new byte[0]);
      await('Z');
    }

    private Message await(char type) throws IOException {
      while (true) {
        var message = read(in);
        // others come before it
        if (message.type == type) {
          return message;
        }
      }
    }

    @Override
    public void close() throws IOException {
      try {
        send(out, 'X', new byte[0]);
      } finally {
        channel.close();
      }
    }
  }

  private void authenticate(DataInputStream in, DataOutputStream out) throws IOException {
    try {
      Optional<ScramClient> exchange = Optional.empty();
      while (true) {
        var message = read(in);
        if (message.type == 'Z') {
          return;
        }
        if (message.type != 'R') {
          continue;
        }
        var body = new String(message.body, 4, message.body.length - 4, StandardCharsets.UTF_8);
        switch (message.body[3]) {
          case 10 -> {
            var scram = account.scram();
            exchange = Optional.of(scram);
            var first = scram.clientFirstMessage().toString().getBytes(StandardCharsets.UTF_8);
            var bytes = new ByteArrayOutputStream();
            var reply = new DataOutputStream(bytes);
            reply.write(text("SCRAM-SHA-256"));
            reply.writeInt(first.length);
            reply.write(first);
            send(out, 'p', bytes.toByteArray());
          }
          case 11 -> {
            var scram = exchange.orElseThrow();
            var serverFirst = scram.serverFirstMessage(body);
            account.keepKey(serverFirst);
            send(out, 'p', scram.clientFinalMessage().toString().getBytes(StandardCharsets.UTF_8));
          }
          case 12 -> exchange.orElseThrow().serverFinalMessage(body);
          case 0 -> {}
          default -> throw new IOException("unexpected authentication " + message.body[3]);
        }
      }
    } catch (ScramException e) {
      throw new IOException(e);
    }
  }

  private byte[] startup() throws IOException {
    var bytes = new ByteArrayOutputStream();
    var packet = new DataOutputStream(bytes);
    packet.writeInt(196_608);
    for (var part : List.of("user", account.user, "database", database)) {
      packet.write(text(part));
    }
    packet.writeByte(0);
    return bytes.toByteArray();
  }

  private static byte[] text(String value) {
    return (value + "\0").getBytes(StandardCharsets.UTF_8);
  }

  private static void send(DataOutputStream out, int type, byte[] body) throws IOException {
    var bytes = new ByteArrayOutputStream(body.length + 5);
    var message = new DataOutputStream(bytes);
    if (type != 0) {
      message.writeByte(type);
    }
    message.writeInt(body.length + 4);
    message.write(body);
    out.write(bytes.toByteArray());
  }

  private static Message read(DataInputStream in) throws IOException {
    int type = in.readUnsignedByte();
    var body = new byte[in.readInt() - 4];
    in.readFully(body);
    if (type == 'E') {
      throw new RefusedException(
          new String(body, StandardCharsets.UTF_8).replace('\0', ' ').strip());
    }
    return new Message(type, body);
  }

  private static final class Message {
    private final int type;
    private final byte[] body;

    Message(int type, byte[] body) {
      this.type = type;
      this.body = body;
    }
  }
}
