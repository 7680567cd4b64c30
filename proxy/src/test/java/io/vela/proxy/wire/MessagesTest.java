package io.vela.proxy.wire;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.vela.proxy.wire.StartupPacket.StartupMessage;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MessagesTest {
  private final BackendMessages backend = new BackendMessages(UnpooledByteBufAllocator.DEFAULT);
  private final FrontendMessages frontend = new FrontendMessages(UnpooledByteBufAllocator.DEFAULT);

  @AfterEach
  void releaseWhatNobodyTook() {
    Stream.of(backend.buffer(), frontend.buffer())
        .filter(buffer -> buffer.refCnt() > 0)
        .forEach(ByteBuf::release);
  }

  @Test
  void whatAServerSendsIsAsTheProtocolHasIt() {
    backend
        .authenticationOk()
        .authenticationCleartextPassword()
        .authenticationMd5Password(new byte[] {1, 2, 3, 4})
        .authenticationSasl(List.of("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"))
        .authenticationSaslContinue("r=1")
        .authenticationSaslFinal("v=2")
        .parameterStatus("TimeZone", "UTC")
        .backendKeyData(new CancelKey(258, new byte[] {5, 6, 7, 8, 9}))
        .readyForQuery((byte) 'T')
        .negotiateProtocolVersion(new Negotiation(StartupPacket.PROTOCOL_3_0, List.of("_pq_.x")));
    expect(
        backend.buffer(),
        new Bytes()
            .message('R', "\0\0\0\0")
            .message('R', "\0\0\0\3")
            .message('R', "\0\0\0\5\1\2\3\4")
            .message('R', "\0\0\0\12SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
            .message('R', "\0\0\0\13r=1")
            .message('R', "\0\0\0\14v=2")
            .message('S', "TimeZone\0UTC\0")
            .message('K', "\0\0\1\2\5\6\7\10\11")
            .message('Z', "T")
            .message('v', "\0\3\0\0\0\0\0\1_pq_.x\0"));
  }

  @Test
  void whatAClientSendsIsAsTheProtocolHasIt() {
    var parameters = new LinkedHashMap<String, String>();
    parameters.put("user", "app");
    parameters.put("TimeZone", "UTC");
    frontend
        .sslRequest()
        .gssEncRequest()
        .startup(new StartupMessage(StartupPacket.PROTOCOL_3_0, parameters))
        .cancelRequest(new CancelKey(1, new byte[] {1, 2, 3, 4}))
        .password("pw")
        .query("select 1")
        .sync()
        .terminate();
    expect(
        frontend.buffer(),
        new Bytes()
            .untyped("\4\322\26\57")
            .untyped("\4\322\26\60")
            .untyped("\0\3\0\0user\0app\0TimeZone\0UTC\0\0")
            .untyped("\4\322\26\56\0\0\0\1\1\2\3\4")
            .message('p', "pw\0")
            .message('Q', "select 1\0")
            .message('S', "")
            .message('X', ""));
  }

  @Test
  void anErrorCarriesAllItsFieldsAndANoticeItsOwnSeverity() throws ProtocolViolation {
    var error =
        ErrorMessage.fatal(SqlState.INVALID_CATALOG_NAME, "no branch \0 was namèd")
            .withDetail("detail")
            .withHint("hint");
    backend.error(error).notice("WARNING", error);
    var channel = new EmbeddedChannel(new MessageDecoder(1000));
    channel.writeInbound(backend.buffer());
    TypedMessage first = channel.readInbound();
    TypedMessage second = channel.readInbound();
    var fields = ErrorFields.parse(first.content());
    assertThat(fields.byType().keySet()).containsExactly('S', 'V', 'C', 'M', 'D', 'H');
    assertThat(fields.severity()).isEqualTo("FATAL");
    assertThat(fields.code()).isEqualTo("3D000");
    assertThat(fields.message()).isEqualTo("no branch \uFFFD was namèd");
    assertThat(fields.detail()).isEqualTo("detail");
    assertThat(fields.hint()).isEqualTo("hint");
    assertThat(fields.endsConnection()).isTrue();
    assertThat(second.type()).isEqualTo(BackendType.NOTICE_RESPONSE);
    assertThat(ErrorFields.parse(second.content()).endsConnection()).isFalse();
    first.release();
    second.release();
    assertThat(channel.finishAndReleaseAll()).isFalse();
  }

  @Test
  void saslMessagesComeBackAsTheyWere() throws ProtocolViolation {
    frontend
        .saslInitialResponse("SCRAM-SHA-256", Optional.of("n,,n=,r=x"))
        .saslInitialResponse("SCRAM-SHA-256", Optional.empty())
        .saslResponse("c=biws")
        .password("geheim");
    var channel = new EmbeddedChannel(new MessageDecoder(100));
    channel.writeInbound(frontend.buffer());
    assertThat(SaslInitialResponse.parse(next(channel)))
        .isEqualTo(new SaslInitialResponse("SCRAM-SHA-256", Optional.of("n,,n=,r=x")));
    assertThat(SaslInitialResponse.parse(next(channel)).response()).isEmpty();
    assertThat(SaslResponse.parse(next(channel)).response()).isEqualTo("c=biws");
    var password = PasswordMessage.parse(next(channel));
    assertThat(password.password()).isEqualTo("geheim");
    assertThat(password.toString()).doesNotContain("geheim");
    assertThat(channel.finishAndReleaseAll()).isFalse();
  }

  @Test
  void payloadsThatAreTooShortTooLongOrUnterminatedAreViolations() {
    assertThatThrownBy(() -> PasswordMessage.parse(payload("pw")))
        .isInstanceOf(ProtocolViolation.class)
        .hasMessage("invalid password packet: a string is not terminated");
    assertThatThrownBy(() -> PasswordMessage.parse(payload("pw\0x")))
        .isInstanceOf(ProtocolViolation.class);
    assertThatThrownBy(() -> SaslInitialResponse.parse(payload("S\0\177\377\377\377x")))
        .hasMessage("invalid SASLInitialResponse: it is too short");
    assertThatThrownBy(() -> SaslInitialResponse.parse(payload("S\0\377\377\377\376x")))
        .isInstanceOf(ProtocolViolation.class);
    assertThatThrownBy(() -> SaslResponse.parse(payload("\377")))
        .isInstanceOf(ProtocolViolation.class);
    assertThatThrownBy(() -> CancelKey.parse(payload("\0\0")))
        .isInstanceOf(ProtocolViolation.class);
    assertThatThrownBy(() -> ErrorFields.parse(payload("SFATAL\0")))
        .isInstanceOf(ProtocolViolation.class);
    assertThatThrownBy(() -> ParameterStatus.parse(payload("a\0b\0c")))
        .isInstanceOf(ProtocolViolation.class);
  }

  @Test
  void aStringThatWouldForgeAMessageIsNotWritten() {
    assertThatThrownBy(() -> frontend.query("a\0Qb")).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aMessageIsDecodedHoweverItIsCut() {
    var bytes = new Bytes().message('p', "password\0").message('S', "").toArray();
    for (int cut = 0; cut <= bytes.length; cut++) {
      var channel = new EmbeddedChannel(new MessageDecoder(9));
      channel.writeInbound(Unpooled.copiedBuffer(bytes, 0, cut));
      channel.writeInbound(Unpooled.copiedBuffer(bytes, cut, bytes.length - cut));
      TypedMessage password = channel.readInbound();
      assertThat(password.content().toString(UTF_8)).isEqualTo("password\0");
      password.release();
      TypedMessage sync = channel.readInbound();
      assertThat(sync.type()).isEqualTo(FrontendType.SYNC);
      sync.release();
      assertThat(channel.finishAndReleaseAll()).isFalse();
    }
  }

  @Test
  void aMessageOverTheLimitIsRefusedAtItsHeader() {
    for (var header :
        List.of(
            new Bytes().raw('p', 0, 0, 0, 14),
            new Bytes().raw('p', 0x40, 0, 0, 0),
            new Bytes().raw('p', 0, 0, 0, 3))) {
      var channel = new EmbeddedChannel(new MessageDecoder(9));
      channel.writeInbound(Unpooled.copiedBuffer(header.toArray()));
      Malformed refusal = channel.readInbound();
      assertThat(refusal.error().state()).isEqualTo(SqlState.PROTOCOL_VIOLATION);
      assertThat(refusal.error().message()).isEqualTo("invalid length of message type 0x70");
      channel.writeInbound(Unpooled.copiedBuffer(new byte[1000]));
      assertThat(channel.finishAndReleaseAll()).isFalse();
    }
  }

  private static ByteBuf next(EmbeddedChannel channel) {
    TypedMessage message = channel.readInbound();
    var payload = Unpooled.copiedBuffer(message.content());
    message.release();
    return payload;
  }

  private static ByteBuf payload(String bytes) {
    return Unpooled.copiedBuffer(bytes, ISO_8859_1);
  }

  private static void expect(ByteBuf actual, Bytes expected) {
    var bytes = new byte[actual.readableBytes()];
    actual.readBytes(bytes);
    actual.release();
    assertThat(new String(bytes, ISO_8859_1)).isEqualTo(new String(expected.toArray(), ISO_8859_1));
  }
}
