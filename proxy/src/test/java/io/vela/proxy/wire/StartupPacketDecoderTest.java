package io.vela.proxy.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.vela.proxy.wire.StartupPacket.CancelRequest;
import io.vela.proxy.wire.StartupPacket.GssEncRequest;
import io.vela.proxy.wire.StartupPacket.SslRequest;
import io.vela.proxy.wire.StartupPacket.StartupMessage;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class StartupPacketDecoderTest {
  private static final String V3 = "\0\3\0\0";
  private static final String SSL = "\4\322\26\57";
  private static final String GSS = "\4\322\26\60";
  private static final String CANCEL = "\4\322\26\56";

  private final EmbeddedChannel channel = new EmbeddedChannel(new StartupPacketDecoder());

  @AfterEach
  void nothingIsLeftBehind() {
    assertThat(channel.finishAndReleaseAll()).isFalse();
  }

  @Test
  void everySplitOfAWholeBeginningGivesTheSamePackets() {
    var bytes =
        new Bytes()
            .untyped(SSL)
            .untyped(GSS)
            .untyped("\0\3\0\2user\0app\0database\0app@pr-1\0options\0-c a=b\0\0")
            .toArray();
    for (int cut = 0; cut <= bytes.length; cut++) {
      var own = new EmbeddedChannel(new StartupPacketDecoder());
      own.writeInbound(Unpooled.copiedBuffer(bytes, 0, cut));
      own.writeInbound(Unpooled.copiedBuffer(bytes, cut, bytes.length - cut));
      assertThat(own.<StartupPacket>readInbound()).isEqualTo(new SslRequest());
      assertThat(own.<StartupPacket>readInbound()).isEqualTo(new GssEncRequest());
      StartupMessage startup = own.readInbound();
      assertThat(startup.protocolVersion()).isEqualTo(StartupPacket.PROTOCOL_3_2);
      assertThat(startup.parameters())
          .containsExactly(
              Map.entry("user", "app"),
              Map.entry("database", "app@pr-1"),
              Map.entry("options", "-c a=b"));
      assertThat(own.finishAndReleaseAll()).isFalse();
    }
  }

  @Test
  void theDatabaseIsTheUsersNameWhenNoneIsNamed() {
    send(new Bytes().untyped(V3 + "user\0app\0\0"));
    StartupMessage startup = channel.readInbound();
    assertThat(startup.database()).isEqualTo("app");
    assertThat(startup.user()).isEqualTo("app");
  }

  @Test
  void aMinorVersionThatNobodyKnowsIsKept() {
    send(new Bytes().untyped("\0\3\47\17user\0app\0\0"));
    StartupMessage startup = channel.readInbound();
    assertThat(startup.minorVersion()).isEqualTo(9999);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4, 32, 256})
  void cancelKeysOfEveryLengthAreTaken(int length) {
    send(new Bytes().untyped(CANCEL + "\0\0\1\2" + "s".repeat(length)));
    CancelRequest cancel = channel.readInbound();
    assertThat(cancel.key().processId()).isEqualTo(258);
    assertThat(cancel.key().secret()).hasSize(length).containsOnly('s');
    assertThat(cancel.toString()).doesNotContain("ss");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 257})
  void cancelKeysOfNoLegalLengthEndTheConnection(int length) {
    send(new Bytes().untyped(CANCEL + "\0\0\1\2" + "s".repeat(length)));
    expectNoWord("invalid length of cancel key");
  }

  @ParameterizedTest
  @CsvSource({
    "0,0,0,0",
    "0,0,0,3",
    "0,0,0,7",
    "0,0,39,21",
    "127,255,255,255",
    "255,255,255,255",
    "71,69,84,32"
  })
  void aLengthThatCannotBeIsRefusedBeforeAnythingFollows(int a, int b, int c, int d) {
    send(new Bytes().raw(a, b, c, d));
    expectRefusal("08P01", "invalid length of startup packet");
  }

  @Test
  void theLongestPacketIsTaken() {
    int rest = StartupPacketDecoder.MAX_LENGTH - (V3 + "user\0\0\0").length();
    send(new Bytes().untyped(V3 + "user\0" + "u".repeat(rest) + "\0\0"));
    StartupMessage startup = channel.readInbound();
    assertThat(startup.user()).hasSize(rest);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "user\0app\0",
        "user\0app",
        "user",
        "",
        "user\0app\0\0x",
        "user\0app\0\0\0",
        "\0x"
      })
  void aLayoutWithoutItsTerminatorsIsRefused(String body) {
    send(new Bytes().untyped(V3 + body));
    Malformed refusal = channel.readInbound();
    assertThat(refusal.error().state()).isEqualTo(SqlState.PROTOCOL_VIOLATION);
    assertThat(refusal.error().message()).contains("startup packet");
  }

  @ParameterizedTest
  @ValueSource(strings = {"\0", "database\0app\0\0", "user\0\0\0"})
  void aPacketWithoutUserIsRefusedAsPostgresDoesIt(String body) {
    send(new Bytes().untyped(V3 + body));
    expectRefusal("28000", "no PostgreSQL user name specified in startup packet");
  }

  @Test
  void aNameThatIsNotUtf8GoesOnAsItCame() {
    var packet = new Bytes().untyped(V3 + "user\0\303\251x\377\376\360\237\220\0\0");
    send(packet);
    StartupMessage startup = channel.readInbound();
    assertThat(startup.user()).startsWith("\u00e9x").hasSize(7);

    var goes = new FrontendMessages(UnpooledByteBufAllocator.DEFAULT).startup(startup).buffer();

    assertThat(ByteBufUtil.getBytes(goes)).isEqualTo(packet.toArray());
    goes.release();
  }

  @Test
  void anEncryptionRequestMayHaveMoreInIt() {
    send(new Bytes().untyped(SSL + "x"));
    assertThat(channel.<Object>readInbound()).isInstanceOf(StartupPacket.SslRequest.class);
  }

  @Test
  void otherProtocolsAreToldWhatIsServed() {
    send(new Bytes().untyped("\0\4\0\0new"));
    expectRefusal("0A000", "unsupported frontend protocol 4.0: server supports 3.0 to 3.2");
  }

  @Test
  void oldProtocolsAreToldSoInTheirOwnWay() {
    send(new Bytes().untyped("\0\2\0\0old"));
    StartupPacket.TooOld old = channel.readInbound();
    assertThat(old.error().message())
        .isEqualTo("unsupported frontend protocol 2.0: server supports 3.0 to 3.2");
  }

  @Test
  void nothingIsDecodedOrKeptAfterARefusal() {
    send(new Bytes().raw(0, 0, 0, 0).untyped(V3 + "user\0app\0\0"));
    expectRefusal("08P01", "invalid length of startup packet");
    ByteBuf more = Unpooled.copiedBuffer(new byte[100]);
    channel.writeInbound(more);
    assertThat(more.refCnt()).isZero();
    assertThat(channel.<Object>readInbound()).isNull();
  }

  @Test
  void whatFollowsTheStartupMessageGoesToTheNextHandler() {
    send(new Bytes().untyped(V3 + "user\0app\0\0").message('Q', "select 1"));
    assertThat(channel.<Object>readInbound()).isInstanceOf(StartupMessage.class);
    assertThat(channel.<Object>readInbound()).isNull();
    var decoder = channel.pipeline().get(StartupPacketDecoder.class);
    assertThat(decoder.hasUndecodedBytes()).isTrue();
    channel.pipeline().addLast(new MessageDecoder(100));
    channel.pipeline().remove(decoder);
    TypedMessage query = channel.readInbound();
    assertThat(query.type()).isEqualTo(FrontendType.QUERY);
    query.release();
  }

  private void send(Bytes bytes) {
    channel.writeInbound(Unpooled.copiedBuffer(bytes.toArray()));
  }

  private void expectNoWord(String reason) {
    assertThat(channel.<Object>readInbound()).isEqualTo(new StartupPacket.Unreadable(reason));
  }

  private void expectRefusal(String state, String message) {
    Malformed refusal = channel.readInbound();
    assertThat(refusal.error().state().code()).isEqualTo(state);
    assertThat(refusal.error().message()).isEqualTo(message);
    assertThat(refusal.error().severity()).isEqualTo(ErrorMessage.Severity.FATAL);
  }
}
