package io.vela.proxy.auth;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.vela.agent.Role;
import io.vela.config.AuthConfig;
import io.vela.config.value.Secret;
import io.vela.router.route.BranchAddress;
import io.vela.router.route.BranchAddress.PresentedToken;
import io.vela.router.route.TokenId;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class AuthenticatorTest {
  private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");
  private static final Secret MD5 =
      new Secret("md5" + md5("rightapp".getBytes(StandardCharsets.UTF_8)));

  private final Authenticator authenticator =
      new Authenticator(new Secret("installation"), InstantSource.fixed(NOW), new SecureRandom());

  private static String md5(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("MD5").digest(bytes));
    } catch (java.security.NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private static BranchAddress address(Optional<PresentedToken> token) {
    return new BranchAddress("app", "app", Optional.empty(), token, Map.of());
  }

  private AuthMethod methodFor(String user, Optional<PresentedToken> token, Optional<Role> role) {
    return authenticator.methodFor(
        new AuthRequest(
            user, address(token), ConnectionSecurity.plaintext(true), AuthConfig.DEFAULT),
        role);
  }

  private AuthMethod methodFor(Optional<Secret> password, Optional<Instant> validUntil) {
    return methodFor(
        "app",
        Optional.empty(),
        Optional.of(new Role("app", password, true, false, -1, validUntil)));
  }

  @Test
  void anMd5HashIsAskedForAsMd5() throws Exception {
    var method = methodFor(Optional.of(MD5), Optional.of(Instant.MAX));
    var salt = ((AuthStep.AskMd5) method.begin()).salt();
    var inner = MD5.reveal().substring(3).getBytes(StandardCharsets.UTF_8);
    var answer =
        "md5" + md5(ByteBuffer.allocate(inner.length + 4).put(inner).putInt(salt).array()) + '\0';
    assertThat(method.answer(Unpooled.copiedBuffer(answer, StandardCharsets.UTF_8)))
        .isEqualTo(new AuthStep.Matched(Optional.empty()));
    assertThat(method.answer(Unpooled.copiedBuffer("md5nonsense\0", StandardCharsets.UTF_8)))
        .isEqualTo(new AuthStep.Mismatch());
  }

  @Test
  void aPasswordThatHasRunOutLooksLikeAnUnknownRole() {
    var past = methodFor(Optional.of(MD5), Optional.of(NOW.minusMillis(1)));
    assertThat(past).isInstanceOf(ScramSha256Auth.class);
    var future = methodFor(Optional.of(MD5), Optional.of(NOW));
    assertThat(future).isInstanceOf(Md5Auth.class);
  }

  @Test
  void unknownRolesAndRolesWithoutPasswordAreAskedLikeAnyOther() {
    assertThat(methodFor(Optional.empty(), Optional.empty())).isInstanceOf(ScramSha256Auth.class);
    assertThat(methodFor("no", Optional.empty(), Optional.empty()))
        .isInstanceOf(ScramSha256Auth.class);
  }

  @Test
  void aTokenAsUserIsAskedForItsSecretAndABearerForNothing() {
    var asUser = new PresentedToken.AsUser(new TokenId("k3f9x2"));
    assertThat(methodFor("app~k3f9x2", Optional.of(asUser), Optional.empty()).label())
        .isEqualTo("token");
    var bearer = new PresentedToken.AsBearer(new TokenId("k3f9x2"), new Secret("secret"));
    assertThat(methodFor("app", Optional.of(bearer), Optional.empty()).begin())
        .isEqualTo(new AuthStep.Matched(Optional.empty()));
  }
}
