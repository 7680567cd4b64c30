package io.vela.proxy.wire;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a client may send before anything else (section 54.7): the packets without a type byte. */
public sealed interface StartupPacket
    permits StartupPacket.StartupMessage,
        StartupPacket.CancelRequest,
        StartupPacket.SslRequest,
        StartupPacket.GssEncRequest,
        StartupPacket.Unreadable,
        StartupPacket.TooOld,
        Malformed {
  /** Protocol 3.0. */
  int PROTOCOL_3_0 = 3 << 16;

  /** Protocol 3.2, the newest there is: longer cancel keys. */
  int PROTOCOL_3_2 = 3 << 16 | 2;

  /** What the names of options of the protocol itself begin with. */
  String PROTOCOL_OPTION_PREFIX = "_pq_.";

  /** The code in place of a version that makes a CancelRequest. */
  int CANCEL_REQUEST_CODE = 1234 << 16 | 5678;

  /** The code in place of a version that makes an SSLRequest. */
  int SSL_REQUEST_CODE = 1234 << 16 | 5679;

  /** The code in place of a version that makes a GSSENCRequest. */
  int GSSENC_REQUEST_CODE = 1234 << 16 | 5680;

  /**
   * The real beginning of a session.
   *
   * @param protocolVersion major in the upper and minor in the lower 16 bits; the major is 3, the
   *     minor what the client sent, known or not
   * @param parameters in the order sent; {@code user} is there and not empty; of a name sent twice
   *     the last value, as Postgres takes it
   */
  record StartupMessage(int protocolVersion, Map<String, String> parameters)
      implements StartupPacket {
    /** Keeps an unmodifiable copy. */
    public StartupMessage {
      parameters = Collections.unmodifiableMap(new LinkedHashMap<>(parameters));
    }

    /** The role to connect as. */
    public String user() {
      return parameters.getOrDefault("user", "");
    }

    /** The database; the user's name when the client names none, as in Postgres. */
    public String database() {
      var database = parameters.getOrDefault("database", "");
      return database.isEmpty() ? user() : database;
    }

    /** The options of the protocol itself, known or not, in the order sent. */
    public List<String> protocolOptions() {
      return parameters.keySet().stream()
          .filter(name -> name.startsWith(PROTOCOL_OPTION_PREFIX))
          .toList();
    }

    /** The protocol's minor version. */
    public int minorVersion() {
      return protocolVersion & 0xffff;
    }
  }

  /** Asks to cancel what another connection runs. Gets no answer but the close. */
  record CancelRequest(CancelKey key) implements StartupPacket {}

  /** Asks for TLS; answered with one byte, {@code S} or {@code N}. */
  record SslRequest() implements StartupPacket {}

  /**
   * A CancelRequest whose key has a length that no key has: closed without a word, as every other
   * (ProcessCancelRequestPacket in backend_startup.c).
   *
   * @param reason for the log
   */
  record Unreadable(String reason) implements StartupPacket {}

  /**
   * Asks for protocol 1.0 or 2.0, whose clients understand errors in their own form only.
   *
   * @param error what they are told
   */
  record TooOld(ErrorMessage error) implements StartupPacket {}

  /** Asks for GSSAPI encryption; answered with one byte, {@code G} or {@code N}. */
  record GssEncRequest() implements StartupPacket {}
}
