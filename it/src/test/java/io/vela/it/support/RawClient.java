package io.vela.it.support;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ThreadLocalRandom;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * A client that speaks the protocol byte by byte, and so says what no driver says and takes next to
 * no time. Reads give up after a minute.
 */
public final class RawClient implements AutoCloseable {
  private static final int READ_MILLIS = 60_000;
  private static final int PROTOCOL_3_0 = 196_608;
  private static final int SASL = 10;
  private static final int SASL_CONTINUE = 11;

  /** Deriving it takes milliseconds; all clients of one account share it. */
  private static final ConcurrentMap<String, byte[]> SALTED = new ConcurrentHashMap<>();

  private final Socket socket;
  private final DataInputStream in;
  private final DataOutputStream out;

  public RawClient(int port) throws IOException {
    socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(READ_MILLIS);
    socket.setTcpNoDelay(true);
    in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
    out = new DataOutputStream(socket.getOutputStream());
  }

  /**
   * A message.
   *
   * @param type 0 at the end of the connection
   * @param body its bytes as Latin 1
   */
  public record Message(char type, String body) {
    /** Its bytes as UTF-8, zeros as {@code |}. */
    public String text() {
      return new String(body.getBytes(ISO_8859_1), UTF_8).replace('\0', '|');
    }

    /** What an Authentication message asks for. */
    private int request() {
      return type == 'R' ? ByteBuffer.wrap(body.getBytes(ISO_8859_1)).getInt() : -1;
    }

    /** The SQLSTATE of an ErrorResponse, else "". */
    public String sqlState() {
      for (var field : text().split("\\|", -1)) {
        if (type == 'E' && field.startsWith("C")) {
          return field.substring(1);
        }
      }
      return "";
    }
  }

  /** Sends a startup message with names and values as they are. */
  public void startup(byte[]... namesAndValues) throws IOException {
    var body = new ByteArrayOutputStream();
    for (var one : namesAndValues) {
      body.write(one);
      body.write(0);
    }
    body.write(0);
    send(
        ByteBuffer.allocate(8 + body.size())
            .putInt(8 + body.size())
            .putInt(PROTOCOL_3_0)
            .put(body.toByteArray())
            .array());
  }

  /** Sends a startup message. */
  public void startup(String user, String database) throws IOException {
    startup(
        "user".getBytes(UTF_8),
        user.getBytes(UTF_8),
        "database".getBytes(UTF_8),
        database.getBytes(UTF_8));
  }

  /** Sends a query. */
  public void query(String sql) throws IOException {
    var text = sql.getBytes(UTF_8);
    message('Q', ByteBuffer.allocate(text.length + 1).put(text).put((byte) 0).array());
  }

  private void message(char type, byte[] body) throws IOException {
    send(
        ByteBuffer.allocate(5 + body.length)
            .put((byte) type)
            .putInt(4 + body.length)
            .put(body)
            .array());
  }

  private void send(byte[] bytes) throws IOException {
    out.write(bytes);
    out.flush();
  }

  /** The next message. */
  public Message read() throws IOException {
    int type = in.read();
    if (type < 0) {
      return new Message((char) 0, "");
    }
    var body = new byte[in.readInt() - Integer.BYTES];
    in.readFully(body);
    return new Message((char) type, new String(body, ISO_8859_1));
  }

  /** The next message of the type; or an error, or the end, if that comes first. */
  public Message readUntil(char type) throws IOException {
    while (true) {
      var message = read();
      if (message.type() == type || message.type() == 'E' || message.type() == 0) {
        return message;
      }
    }
  }

  /**
   * Logs in by SCRAM-SHA-256 (RFC 5802).
   *
   * @return ReadyForQuery, an error, or the end
   */
  public Message login(String user, String password, String database) throws IOException {
    startup(user, database);
    return prove(password);
  }

  /**
   * Answers what a startup message has led to, by SCRAM-SHA-256 (RFC 5802).
   *
   * @return ReadyForQuery, an error, or the end
   */
  public Message prove(String password) throws IOException {
    var asked = read();
    if (asked.request() != SASL) {
      return asked;
    }
    var bare = "n=,r=" + Base64.getEncoder().encodeToString(nonce());
    var initial = "n,," + bare;
    message(
        'p',
        ByteBuffer.allocate("SCRAM-SHA-256".length() + 1 + 4 + initial.length())
            .put("SCRAM-SHA-256".getBytes(UTF_8))
            .put((byte) 0)
            .putInt(initial.length())
            .put(initial.getBytes(UTF_8))
            .array());
    var challenge = read();
    if (challenge.request() != SASL_CONTINUE) {
      return challenge;
    }
    var first = challenge.body().substring(Integer.BYTES);
    try {
      message('p', finalMessage(password, bare, first).getBytes(UTF_8));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
    return readUntil('Z');
  }

  private static byte[] nonce() {
    var bytes = new byte[18];
    ThreadLocalRandom.current().nextBytes(bytes);
    return bytes;
  }

  private static String finalMessage(String password, String bare, String first)
      throws GeneralSecurityException {
    var parts = first.split(",", -1);
    var salt = parts[1].substring(2);
    int iterations = Integer.parseInt(parts[2].substring(2));
    var salted =
        SALTED.computeIfAbsent(
            password + " " + salt + " " + iterations, _ -> salted(password, salt, iterations));
    var withoutProof = "c=biws,r=" + parts[0].substring(2);
    var clientKey = hmac(salted, "Client Key");
    var signature =
        hmac(
            MessageDigest.getInstance("SHA-256").digest(clientKey),
            bare + "," + first + "," + withoutProof);
    var proof = new byte[clientKey.length];
    for (int i = 0; i < proof.length; i++) {
      proof[i] = (byte) (clientKey[i] ^ signature[i]);
    }
    return withoutProof + ",p=" + Base64.getEncoder().encodeToString(proof);
  }

  private static byte[] salted(String password, String salt, int iterations) {
    try {
      return SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256")
          .generateSecret(
              new PBEKeySpec(
                  password.toCharArray(), Base64.getDecoder().decode(salt), iterations, 256))
          .getEncoded();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  private static byte[] hmac(byte[] key, String text) throws GeneralSecurityException {
    var mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(key, "HmacSHA256"));
    return mac.doFinal(text.getBytes(UTF_8));
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
