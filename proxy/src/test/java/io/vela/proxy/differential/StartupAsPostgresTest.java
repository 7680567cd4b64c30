package io.vela.proxy.differential;

import static io.vela.proxy.wire.StartupPacket.CANCEL_REQUEST_CODE;
import static io.vela.proxy.wire.StartupPacket.GSSENC_REQUEST_CODE;
import static io.vela.proxy.wire.StartupPacket.PROTOCOL_3_0;
import static io.vela.proxy.wire.StartupPacket.PROTOCOL_3_2;
import static io.vela.proxy.wire.StartupPacket.SSL_REQUEST_CODE;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Beginning a session, however oddly, gets the answer that Postgres gives. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class StartupAsPostgresTest {
  private static final Map<Integer, Side> SIDES = new HashMap<>();

  @BeforeAll
  static void start() throws Exception {
    for (var major : Side.majors()) {
      SIDES.put(major, new Side(major));
    }
  }

  @AfterAll
  static void stop() {
    SIDES.values().forEach(Side::close);
  }

  private static Side side(int major) {
    return Objects.requireNonNull(SIDES.get(major));
  }

  private static byte[] packet(int... words) {
    return new Frontend().ints(4 + 4 * words.length).ints(words).bytes();
  }

  private static byte[] cancel(int secretLength) {
    return new Frontend()
        .ints(12 + secretLength, CANCEL_REQUEST_CODE, 1)
        .raw(new byte[secretLength])
        .bytes();
  }

  private static Stream<Arguments> onBoth(Stream<Arguments> cases) {
    return cases.flatMap(
        one ->
            Side.majors().stream().map(major -> Arguments.of(major, one.get()[0], one.get()[1])));
  }

  static Stream<Arguments> refused() {
    return onBoth(
        Stream.of(
            Arguments.of("protocol 0.0", packet(0)),
            Arguments.of("protocol 1.0", packet(1 << 16)),
            Arguments.of("protocol 2.0", packet(2 << 16)),
            Arguments.of("protocol 4.0", packet(4 << 16)),
            Arguments.of("no parameters", packet(PROTOCOL_3_0)),
            Arguments.of("no user", Frontend.startup(PROTOCOL_3_0, "database", "postgres")),
            Arguments.of(
                "a strange replication",
                Frontend.startup(
                    PROTOCOL_3_0, "user", "postgres", "database", "x@y", "replication", "maybe")),
            Arguments.of("no key to cancel", cancel(0)),
            Arguments.of("an unknown key of 3.0", cancel(4)),
            Arguments.of("an unknown key of 3.2", cancel(256)),
            Arguments.of("a key too long", cancel(257)),
            Arguments.of("a cut cancel request", packet(CANCEL_REQUEST_CODE)),
            Arguments.of("a cut packet", new Frontend().ints(50, PROTOCOL_3_0).bytes()),
            Arguments.of("nothing", new byte[0]),
            Arguments.of("SSLRequest", packet(SSL_REQUEST_CODE)),
            Arguments.of("GSSENCRequest", packet(GSSENC_REQUEST_CODE)),
            Arguments.of("SSLRequest with more in it", packet(SSL_REQUEST_CODE, 0))));
  }

  @ParameterizedTest
  @MethodSource("refused")
  void isRefusedAlike(int major, String name, byte[] bytes) throws Exception {
    var side = side(major);
    String theirs;
    try (var peer = side.direct()) {
      peer.send(bytes);
      peer.endOutput();
      theirs = peer.readToEnd();
    }
    for (int cut = 0; cut < Math.min(16, Math.max(1, bytes.length)); cut++) {
      try (var peer = side.throughVela()) {
        peer.send(bytes, 0, cut);
        peer.send(bytes, cut, bytes.length);
        peer.endOutput();
        assertThat(refusal(peer.readToEnd())).as(name).isEqualTo(refusal(theirs));
      }
    }
  }

  /** Where Postgres closes without a word, Vela says why. */
  @ParameterizedTest
  @ValueSource(ints = {0, 4, 7, 10_005, 1 << 30, -1})
  void aLengthThatCannotBeIsToldAndClosed(int length) throws Exception {
    var bytes = new Frontend().ints(length, PROTOCOL_3_0).bytes();
    var side = side(Side.majors().getLast());
    try (var peer = side.direct()) {
      peer.send(bytes);
      assertThat(peer.readToEnd()).isEqualTo("END");
    }
    try (var peer = side.throughVela()) {
      peer.send(bytes);
      assertThat(peer.readToEnd())
          .contains("C08P01", "invalid length of startup packet")
          .endsWith("END");
    }
  }

  /**
   * Without where in Postgres's source it comes from, and with the versions that Vela serves: it
   * does not know yet which Postgres is meant.
   */
  private static String refusal(String answer) {
    var text = answer.replace("supports 3.0 to 3.0", "supports 3.0 to 3.2");
    if (!text.contains("\0C")) {
      return text;
    }
    var fields = text.substring(5).split("\0");
    return Stream.of(fields)
        .filter(field -> !field.matches("[FLR].*"))
        .reduce("E", (all, field) -> all + "|" + field);
  }

  static Stream<Arguments> accepted() {
    String[] none = {};
    return onBoth(
        Stream.of(
            Arguments.of(PROTOCOL_3_0, none),
            Arguments.of(PROTOCOL_3_0 + 1, none),
            Arguments.of(PROTOCOL_3_2, none),
            Arguments.of(PROTOCOL_3_0 + 3, none),
            Arguments.of(PROTOCOL_3_0 + 9999, none),
            Arguments.of(PROTOCOL_3_0, new String[] {"_pq_.one", "1", "_pq_.two", ""}),
            Arguments.of(PROTOCOL_3_2, new String[] {"_pq_.one", "1"}),
            Arguments.of(PROTOCOL_3_0 + 9999, new String[] {"_pq_.one", "1"}),
            Arguments.of(PROTOCOL_3_0, new String[] {"replication", "t"}),
            Arguments.of(PROTOCOL_3_0, new String[] {"replication", "database"}),
            Arguments.of(PROTOCOL_3_0, new String[] {"replication", "OFF"}),
            Arguments.of(PROTOCOL_3_0, new String[] {"client_encoding", "LATIN1"}),
            Arguments.of(PROTOCOL_3_0, new String[] {"application_name", "it", "nope", "1"}),
            Arguments.of(PROTOCOL_3_0, new String[] {"datestyle", "nonsense"})));
  }

  @ParameterizedTest
  @MethodSource("accepted")
  void isAnsweredAlike(int major, int version, String[] parameters) throws Exception {
    var side = side(major);
    var all =
        Stream.concat(Stream.of("user", "postgres", "database", "postgres"), Stream.of(parameters))
            .toArray(String[]::new);
    var query = new Frontend().query("show application_name").bytes();
    String theirs;
    try (var peer = side.direct()) {
      peer.send(Side.startup(version, all));
      peer.send(query);
      peer.endOutput();
      theirs = settled(peer.readToEnd());
    }
    try (var peer = side.throughVela()) {
      peer.send(Side.startupWithToken(version, all));
      peer.send(query);
      peer.endOutput();
      assertThat(settled(peer.readToEnd())).isEqualTo(theirs);
    }
  }

  /** Postgres 15 reports its parameters in no order. */
  private static String settled(String answer) {
    var reports = new java.util.TreeSet<String>();
    var rest = new StringBuilder();
    int at = 0;
    while (at + 5 <= answer.length()) {
      int length =
          1
              + (answer.charAt(at + 1) << 24
                  | answer.charAt(at + 2) << 16
                  | answer.charAt(at + 3) << 8
                  | answer.charAt(at + 4));
      var message = answer.substring(at, Math.min(answer.length(), at + length));
      if (message.charAt(0) == 'S') {
        reports.add(message);
      } else {
        rest.append(message);
      }
      at += length;
    }
    return rest + answer.substring(Math.min(at, answer.length())) + reports;
  }

  @ParameterizedTest
  @MethodSource("io.vela.proxy.differential.Side#majors")
  void leavingAtAnyPointOfTheStartupIsNoTrouble(int major) throws Exception {
    var side = side(major);
    var startup = Side.startupWithToken(PROTOCOL_3_0, "user", "postgres", "database", "postgres");
    for (int length = 0; length < startup.length; length++) {
      try (var peer = side.anotherThroughVela()) {
        peer.send(startup, 0, length);
        peer.endOutput();
        assertThat(peer.readToEnd()).as("after %d bytes", length).isEqualTo("END");
      }
      try (var peer = side.anotherThroughVela()) {
        peer.send(startup, 0, length);
      }
    }
    for (int i = 0; i < 20; i++) {
      try (var peer = side.anotherThroughVela()) {
        peer.send(startup);
      }
    }
    side.awaitNoSession();
  }
}
