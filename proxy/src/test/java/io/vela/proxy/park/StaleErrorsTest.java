package io.vela.proxy.park;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.vela.proxy.wire.BackendType;
import io.vela.proxy.wire.RawMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class StaleErrorsTest {
  private static final String READY = message('Z', "I");
  private static final String ROW = message('D', "\0\1\0\0\0\5ERROR");
  private static final String OTHER_ERROR = error("22012", "division by zero", "");
  private static final String NO_UNNAMED =
      error("26000", "unnamed prepared statement does not exist", "Rexec_bind_message\0");
  private static final String STALE = error("0A000", "changed", "");
  private static final String STALE_UNNAMED = error("42P01", "gone", "");

  private static String message(char type, String payload) {
    int length = 4 + payload.length();
    return type + "\0\0" + (char) (length >> 8) + (char) (length & 0xff) + payload;
  }

  private static String error(String code, String text, String more) {
    return message('E', "SERROR\0VERROR\0C" + code + "\0M" + text + "\0" + more + "\0");
  }

  /** How Postgres misses the relation of a decoy. */
  private static String decoy(int number) {
    int position = Decoy.sql(number, true).indexOf("sql_parts") + 1;
    return error("42P01", "Relation »sql_parts« existiert nicht", "P" + position + "\0");
  }

  private static StaleStatement stale(String error) {
    return new StaleStatement(raw(error), Optional.empty());
  }

  private static RawMessage raw(String message) {
    var payload = Unpooled.copiedBuffer(message.substring(5), ISO_8859_1);
    return RawMessage.of(BackendType.ERROR_RESPONSE, payload);
  }

  /** What comes out of what comes in, in pieces of a length. */
  private static String pass(String in, int cut) {
    var channel = new EmbeddedChannel(new StaleErrors(List.of(stale(STALE_UNNAMED), stale(STALE))));
    var parts = new ArrayList<ByteBuf>();
    for (int at = 0; at < in.length(); at += cut) {
      var part = in.substring(at, Math.min(in.length(), at + cut));
      parts.add(channel.alloc().buffer().writeBytes(part.getBytes(ISO_8859_1)));
      channel.writeInbound(parts.getLast());
    }
    var _ = channel.close();
    var out = new StringBuilder();
    for (ByteBuf read = channel.readInbound(); read != null; read = channel.readInbound()) {
      out.append(read.toString(ISO_8859_1));
      read.release();
    }
    assertThat(parts).allSatisfy(part -> assertThat(part.refCnt()).isZero());
    return out.toString();
  }

  private static void assertPassed(String in, String out) {
    for (int cut = 1; cut <= in.length(); cut++) {
      assertThat(pass(in, cut)).isEqualTo(out);
    }
  }

  @Test
  void aDecoysErrorIsReplaced() {
    assertPassed(
        ROW + decoy(1) + READY + ROW + decoy(1) + READY, ROW + STALE + READY + ROW + STALE + READY);
  }

  @Test
  void allElsePassesAsItIs() {
    var unknown = decoy(7);
    var userError = error("42P01", "relation \"sql_parts\" does not exist", "P15\0");
    var all = OTHER_ERROR + READY + unknown + READY + userError + NO_UNNAMED.substring(0, 40);
    assertPassed(all, all);
  }

  @Test
  void anErrorThatIsTooLongForADecoyIsNotHeld() {
    var error = error("42P01", "x".repeat(9000), "");
    var channel = new EmbeddedChannel(new StaleErrors(List.of(stale(STALE))));

    channel.writeInbound(Unpooled.copiedBuffer(error.substring(0, 100), ISO_8859_1));

    ByteBuf read = channel.readInbound();
    assertThat(read.readableBytes()).isEqualTo(100);
    read.release();
    channel.finishAndReleaseAll();
  }

  @Test
  void theUnnamedStatementIsStaleUntilTheFirstRequestIsAnswered() {
    assertPassed(
        NO_UNNAMED + READY + NO_UNNAMED + READY, STALE_UNNAMED + READY + NO_UNNAMED + READY);
  }

  @Test
  void whatIsNoMessagePasses() {
    var all = READY + "E\0\0\0\3whatever" + decoy(1);
    assertPassed(all, all);
  }
}
