package io.vela.proxy.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.ongres.scram.client.ScramClient;
import com.ongres.scram.common.ScramFunctions;
import com.ongres.scram.common.ScramMechanism;
import com.ongres.scram.common.StringPreparation;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.vela.config.value.Secret;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.FrontendMessages;
import io.vela.proxy.wire.ProtocolViolation;
import io.vela.proxy.wire.SqlState;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ScramSha256AuthTest {
  private static final String SALT = "W22ZaJ0SNY7soEsUEjb6gQ==";
  private static final String SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  private static final String CLIENT_FIRST = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";

  private static ScramVerifier verifier(String password) {
    var mechanism = ScramMechanism.SCRAM_SHA_256;
    var encoder = Base64.getEncoder();
    var salted =
        ScramFunctions.saltedPassword(
            mechanism,
            StringPreparation.SASL_PREPARATION,
            password.toCharArray(),
            Base64.getDecoder().decode(SALT),
            4096);
    var storedKey =
        ScramFunctions.storedKey(mechanism, ScramFunctions.clientKey(mechanism, salted));
    var serverKey = ScramFunctions.serverKey(mechanism, salted);
    return ScramVerifier.parse(
            new Secret(
                "SCRAM-SHA-256$4096:%s$%s:%s"
                    .formatted(
                        SALT,
                        encoder.encodeToString(storedKey),
                        encoder.encodeToString(serverKey))))
        .orElseThrow();
  }

  private static ScramSha256Auth auth(String password) {
    var auth =
        new ScramSha256Auth("scram-sha-256", verifier(password), SERVER_NONCE, Optional.empty());
    assertThat(auth.begin()).isEqualTo(new AuthStep.AskSasl(List.of("SCRAM-SHA-256")));
    return auth;
  }

  private static ByteBuf initial(String mechanism, String message) {
    return new FrontendMessages(UnpooledByteBufAllocator.DEFAULT)
        .saslInitialResponse(mechanism, Optional.of(message))
        .buffer()
        .skipBytes(5);
  }

  private static ByteBuf response(String message) {
    return Unpooled.copiedBuffer(message, StandardCharsets.UTF_8);
  }

  private static AuthStep answer(ScramSha256Auth auth, ByteBuf payload) throws ProtocolViolation {
    try {
      return auth.answer(payload);
    } finally {
      payload.release();
    }
  }

  private static String first(ScramSha256Auth auth, String message) throws ProtocolViolation {
    return ((AuthStep.ContinueSasl) answer(auth, initial("SCRAM-SHA-256", message))).data();
  }

  private static void assertViolation(
      org.assertj.core.api.ThrowableAssert.ThrowingCallable answering,
      SqlState state,
      String message) {
    assertThatThrownBy(answering)
        .isInstanceOfSatisfying(
            ProtocolViolation.class,
            violation -> {
              ErrorMessage error = violation.error();
              assertThat(error.state()).isEqualTo(state);
              assertThat(error.message() + " " + error.detail()).contains(message);
            });
  }

  @Test
  void theExampleOfRfc7677Succeeds() throws Exception {
    var auth = auth("pencil");
    assertThat(first(auth, CLIENT_FIRST))
        .isEqualTo("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=" + SALT + ",i=4096");
    assertThat(
            answer(
                auth,
                response(
                    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                        + "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")))
        .isEqualTo(
            new AuthStep.Matched(Optional.of("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")));
  }

  @Test
  void aRealClientIsBelievedAndBelievesTheServer() throws Exception {
    assertThat(exchange("pencil", "pencil")).isInstanceOf(AuthStep.Matched.class);
    assertThat(exchange("pencil", "penciL")).isEqualTo(new AuthStep.Mismatch());
  }

  @Test
  void aMockVerifierMatchesNothingAndStaysTheSame() throws Exception {
    var secret = new Secret("installation");
    var mock = ScramVerifier.mock("nobody", secret);
    assertThat(ScramVerifier.mock("nobody", secret).saltBase64()).isEqualTo(mock.saltBase64());
    assertThat(ScramVerifier.mock("somebody", secret).saltBase64()).isNotEqualTo(mock.saltBase64());
    assertThat(Base64.getDecoder().decode(mock.saltBase64())).hasSize(16);
    assertThat(
            exchange(new ScramSha256Auth("scram-sha-256", mock, "server", Optional.empty()), "any"))
        .isEqualTo(new AuthStep.Mismatch());
  }

  private static AuthStep exchange(String stored, String typed) throws Exception {
    return exchange(auth(stored), typed);
  }

  private static AuthStep exchange(ScramSha256Auth auth, String typed) throws Exception {
    var client =
        ScramClient.builder()
            .advertisedMechanisms(List.of("SCRAM-SHA-256"))
            .username("user")
            .password(typed.toCharArray())
            .build();
    client.serverFirstMessage(first(auth, client.clientFirstMessage().toString()));
    var step = answer(auth, response(client.clientFinalMessage().toString()));
    if (step instanceof AuthStep.Matched matched) {
      client.serverFinalMessage(matched.saslFinal().orElseThrow());
    }
    return step;
  }

  @Test
  void aClientThatCouldBindToAChannelIsAccepted() throws Exception {
    assertThat(first(auth("pencil"), "y,,n=,r=nonce")).startsWith("r=nonce");
  }

  @Test
  void channelBindingIsRefused() {
    assertViolation(
        () -> first(auth("pencil"), "p=tls-server-end-point,,n=,r=nonce"),
        SqlState.PROTOCOL_VIOLATION,
        "without channel binding");
  }

  @Test
  void anotherMechanismIsRefused() {
    assertViolation(
        () -> answer(auth("pencil"), initial("SCRAM-SHA-256-PLUS", CLIENT_FIRST)),
        SqlState.PROTOCOL_VIOLATION,
        "invalid SASL authentication mechanism");
  }

  @Test
  void whatIsNotSupportedIsRefusedAsSuch() {
    assertViolation(
        () -> first(auth("pencil"), "n,a=other,n=user,r=nonce"),
        SqlState.FEATURE_NOT_SUPPORTED,
        "authorization identity");
    assertViolation(
        () -> first(auth("pencil"), "n,,m=ext,n=user,r=nonce"),
        SqlState.FEATURE_NOT_SUPPORTED,
        "SCRAM extension");
  }

  @Test
  void malformedMessagesAreRefused() {
    for (var message : List.of("", "n", "n,", "x,,n=,r=a", "n,,n=user", "n,,r=a,n=b", "n,,n=,r=")) {
      assertViolation(
          () -> first(auth("pencil"), message),
          SqlState.PROTOCOL_VIOLATION,
          "malformed SCRAM message");
    }
  }

  @Test
  void aLastMessageThatDoesNotBelongToTheFirstIsRefused() throws Exception {
    var nonce = "rOprNGfwEbeRWgbNEkqO" + SERVER_NONCE;
    var proof = ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    assertLast("c=biws,r=other" + proof, "Nonce does not match");
    assertLast("c=eSws,r=" + nonce + proof, "channel-binding attribute");
    assertLast("c=biws,r=" + nonce, "Expected attribute \"p\"");
    assertLast("c=biws,r=" + nonce + ",p=AAAA", "Malformed proof");
    assertLast("c=biws,r=" + nonce + ",p=!", "Malformed proof");
  }

  private static void assertLast(String message, String told) throws Exception {
    var auth = auth("pencil");
    first(auth, CLIENT_FIRST);
    assertViolation(() -> answer(auth, response(message)), SqlState.PROTOCOL_VIOLATION, told);
  }

  @Test
  void anExchangeThatIsOverStaysOver() throws Exception {
    var auth = auth("pencil");
    assertThatThrownBy(() -> first(auth, "n")).isInstanceOf(ProtocolViolation.class);
    assertThatThrownBy(() -> first(auth, CLIENT_FIRST)).isInstanceOf(ProtocolViolation.class);
  }

  @Test
  void onlySoundVerifiersAreRead() {
    for (var text :
        List.of(
            "",
            "md5d41d8cd98f00b204e9800998ecf8427e",
            "SCRAM-SHA-256$4096:" + SALT + "$AAAA:AAAA",
            "SCRAM-SHA-256$0:" + SALT + "$a:b")) {
      assertThat(ScramVerifier.parse(new Secret(text))).isEmpty();
    }
    assertThat(verifier("pencil").toString()).doesNotContain(SALT);
  }

  private static final ChannelBinding BINDING =
      new ChannelBinding(
          Base64.getEncoder()
              .encodeToString("p=tls-server-end-point,,HASH".getBytes(StandardCharsets.UTF_8)));

  private static ScramSha256Auth boundAuth() {
    var auth =
        new ScramSha256Auth(
            "scram-sha-256", verifier("pencil"), SERVER_NONCE, Optional.of(BINDING));
    assertThat(auth.begin())
        .isEqualTo(new AuthStep.AskSasl(List.of("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")));
    return auth;
  }

  private static AuthStep boundExchange(String hash) throws Exception {
    var auth = boundAuth();
    var client =
        ScramClient.builder()
            .advertisedMechanisms(List.of("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"))
            .username("user")
            .password("pencil".toCharArray())
            .channelBinding("tls-server-end-point", hash.getBytes(StandardCharsets.UTF_8))
            .build();
    var mechanism = client.getScramMechanism().getName();
    assertThat(mechanism).isEqualTo("SCRAM-SHA-256-PLUS");
    var first =
        (AuthStep.ContinueSasl)
            answer(auth, initial(mechanism, client.clientFirstMessage().toString()));
    client.serverFirstMessage(first.data());
    var step = answer(auth, response(client.clientFinalMessage().toString()));
    if (step instanceof AuthStep.Matched matched) {
      client.serverFinalMessage(matched.saslFinal().orElseThrow());
    }
    return step;
  }

  @Test
  void aClientBoundToTheSameCertificateIsBelieved() throws Exception {
    assertThat(boundExchange("HASH")).isInstanceOf(AuthStep.Matched.class);
  }

  @Test
  void aClientBoundToAnotherCertificateIsRefused() {
    assertViolation(
        () -> boundExchange("OTHER"),
        SqlState.INVALID_AUTHORIZATION_SPECIFICATION,
        "SCRAM channel binding check failed");
  }

  @Test
  void aClientThatWasKeptFromBindingIsTold() {
    assertViolation(
        () -> first(boundAuth(), "y,,n=,r=nonce"),
        SqlState.INVALID_AUTHORIZATION_SPECIFICATION,
        "SCRAM channel binding negotiation error The client supports SCRAM channel binding but"
            + " thinks the server does not.  However, this server does support channel binding.");
  }

  @Test
  void aBoundMechanismWantsABinding() {
    for (var flag : List.of("n", "y")) {
      assertViolation(
          () -> answer(boundAuth(), initial("SCRAM-SHA-256-PLUS", flag + ",,n=,r=nonce")),
          SqlState.PROTOCOL_VIOLATION,
          "The client selected SCRAM-SHA-256-PLUS, but");
    }
    assertViolation(
        () -> answer(boundAuth(), initial("SCRAM-SHA-256-PLUS", "p=tls-unique,,n=,r=nonce")),
        SqlState.PROTOCOL_VIOLATION,
        "unsupported SCRAM channel-binding type \"tls-unique\"");
  }

  @Test
  void aClientThatCannotBindIsAcceptedOverTls() throws Exception {
    assertThat(first(boundAuth(), "n,,n=,r=nonce")).startsWith("r=nonce");
  }
}
