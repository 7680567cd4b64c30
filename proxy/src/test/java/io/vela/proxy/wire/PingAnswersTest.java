package io.vela.proxy.wire;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.vela.proxy.wire.PingAnswers.Rest;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** That the answers are Postgres's is compared with Postgres itself: ParkedAsPostgresTest. */
final class PingAnswersTest {
  private static final Pings PINGS = Pings.of(List.of("SELECT 1"));

  /** What it came to. */
  private record Outcome(String types, int left, Rest rest) {}

  private static Bytes query(String sql) {
    return new Bytes().message('Q', sql + "\0");
  }

  private static Bytes extended(String name, String sql) {
    return new Bytes()
        .message('P', name + "\0" + sql + "\0\0\0")
        .message('B', "\0" + name + "\0\0\0\0\0\0\0")
        .message('D', "P\0")
        .message('E', "\0\0\0\0\0")
        .message('S', "");
  }

  /** The types of the messages that are written. */
  private static Outcome answer(ClientTrace trace, byte[]... pieces) {
    var in = Unpooled.buffer();
    var types = new StringBuilder();
    var rest = Rest.NOTHING;
    for (var piece : pieces) {
      in.writeBytes(piece);
      var out = new BackendMessages(UnpooledByteBufAllocator.DEFAULT);
      rest = PingAnswers.answer(in, trace, out);
      var written = out.buffer();
      while (written.isReadable()) {
        types.append((char) written.readByte());
        written.skipBytes(written.getInt(written.readerIndex()));
      }
      written.release();
    }
    var outcome = new Outcome(types.toString(), in.readableBytes(), rest);
    in.release();
    return outcome;
  }

  private static Outcome answer(Bytes messages) {
    return answer(new ClientTrace(PINGS), messages.toArray());
  }

  static Stream<Bytes> pings() {
    return Stream.of(
        query(""),
        query(";"),
        query("SELECT 1"),
        new Bytes().message('S', ""),
        new Bytes().message('H', ""),
        extended("", ""),
        extended("", "SELECT 1"));
  }

  @ParameterizedTest
  @MethodSource("pings")
  void aPingIsAnsweredWhereverItIsCut(Bytes ping) {
    var bytes = ping.toArray();
    var whole = answer(ping);
    assertThat(whole.rest()).isEqualTo(Rest.NOTHING);
    assertThat(whole.left()).isZero();
    for (int cut = 1; cut < bytes.length; cut++) {
      var first = java.util.Arrays.copyOf(bytes, cut);
      var second = java.util.Arrays.copyOfRange(bytes, cut, bytes.length);

      assertThat(answer(new ClientTrace(PINGS), first, second)).isEqualTo(whole);
    }
  }

  @Test
  void aRequestThatIsNoPingStaysWholeThoughItBeginsAsOne() {
    var messages =
        new Bytes()
            .message('P', "\0SELECT 1\0\0\0")
            .message('B', "\0other\0\0\0\0\0\0\0")
            .message('S', "");

    assertThat(answer(messages)).isEqualTo(new Outcome("", messages.toArray().length, Rest.SERVER));
  }

  @Test
  void pingsBeforeARequestAreAnsweredAndTheRequestStays() {
    var messages = query("SELECT 1");
    var request = query("SELECT 2").toArray();
    messages.message('Q', "SELECT 2\0");

    assertThat(answer(messages)).isEqualTo(new Outcome("TDCZ", request.length, Rest.SERVER));
  }

  @Test
  void goodbyeIsSeenAfterPings() {
    assertThat(answer(query("").message('X', ""))).isEqualTo(new Outcome("IZ", 5, Rest.GOODBYE));
  }

  @Test
  void aStatementWithPingsNameIsAnswered() {
    var trace = new ClientTrace(PINGS);
    var parse = "ping\0SELECT 1\0\0\0".getBytes(ISO_8859_1);
    trace.parsed(parse, parse.length, true);
    var bind = new Bytes().message('B', "\0ping\0\0\0\0\0\0\0").message('E', "\0\0\0\0\0");

    assertThat(answer(trace, bind.message('S', "").toArray()))
        .isEqualTo(new Outcome("2DCZ", 0, Rest.NOTHING));
  }

  @Test
  void theUnnamedStatementIsThePingsAfterIt() {
    var trace = new ClientTrace(PINGS);

    var _ = answer(trace, extended("", "SELECT 1").toArray());

    var parse = new Bytes().message('P', "\0SELECT 1\0\0\0").toArray();
    assertThat(trace.unnamedParse()).contains(RawMessage.take(Unpooled.wrappedBuffer(parse)));
  }

  @ParameterizedTest
  @MethodSource("queries")
  void withoutAPolicyForThemOnlySyncIsAnswered(Bytes ping) {
    var outcome = answer(new ClientTrace(Pings.NONE), ping.toArray());

    assertThat(outcome).isEqualTo(new Outcome("", ping.toArray().length, Rest.SERVER));
  }

  static Stream<Bytes> queries() {
    return Stream.of(query(""), query("SELECT 1"), extended("", ""), extended("", "SELECT 1"));
  }

  static Stream<Bytes> noPings() {
    return Stream.of(
        query("SELECT 2"),
        query("SELECT 1, 2"),
        query("SELECT 1; SELECT 1"),
        query("SELECT 1 -- x"),
        query(" ".repeat(200)),
        new Bytes().message('Q', "SELECT 1"),
        new Bytes().message('Q', "SELECT 1\0\0"),
        new Bytes().message('S', "x"),
        new Bytes().message('F', "\0\0\0\1"),
        new Bytes().message('C', "S\0"),
        new Bytes().message('E', "\0\0\0\0\0").message('S', ""),
        new Bytes().message('P', "s\0SELECT 1\0\0\0").message('S', ""),
        new Bytes().message('P', "\0SELECT 1\0\0\1\0\0\0\27").message('S', ""),
        new Bytes().message('D', "Sunknown\0").message('S', ""),
        new Bytes().raw('Q', 0, 0, 0, 3, 0),
        new Bytes().raw('Q', 255, 255, 255, 255, 0));
  }

  @ParameterizedTest
  @MethodSource("noPings")
  void allElseIsTheServers(Bytes messages) {
    assertThat(answer(messages)).isEqualTo(new Outcome("", messages.toArray().length, Rest.SERVER));
  }
}
