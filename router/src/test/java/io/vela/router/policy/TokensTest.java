package io.vela.router.policy;

import static io.vela.router.RouterFixture.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router.MintedToken;
import io.vela.router.Router.TokenRequest;
import io.vela.router.RouterFixture;
import io.vela.router.Target;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class TokensTest {
  private RouterFixture vela;

  @BeforeEach
  void open() throws Exception {
    vela = new RouterFixture();
    vela.lease("pr-1").close();
    vela.lease("pr-2").close();
  }

  @AfterEach
  void close() {
    vela.close();
  }

  private MintedToken mint(String branch) throws RouteException {
    return vela.router.mintToken(
        new TokenRequest(Optional.of(new BranchName(branch)), Optional.empty(), Optional.empty()));
  }

  private RouteFailure refusal(String user, String database) {
    try {
      var target = vela.target(user, database);
      throw new AssertionError("located " + target);
    } catch (RouteException e) {
      return e.failure();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aTokenIsShownOnceAndKeptAsAVerifier() throws Exception {
    var token = mint("pr-1");
    var kept = vela.catalog.token(token.id()).orElseThrow().verifier().reveal();
    assertThat(token.id().value()).matches("[a-z0-9]{6}");
    assertThat(token.secret().reveal()).matches("[A-Za-z0-9]{43}");
    assertThat(kept).startsWith("SCRAM-SHA-256$4096:").doesNotContain(token.secret().reveal());
    assertThat(ScramSecret.parse(new Secret(kept)).orElseThrow().matches(token.secret())).isTrue();
  }

  @Test
  void aBearerReachesItsBranch() throws Exception {
    var token = mint("pr-1");
    assertThat(vela.target("app", "app@" + token.bearer().reveal()).branch())
        .isEqualTo(new BranchName("pr-1"));
    assertThat(vela.target("app", "app@" + token.bearer().reveal()).createFrom()).isEmpty();
  }

  @Test
  void aTokenAsUserNamesItsBranchAndItsVerifierIsTheRoles() throws Exception {
    var token = mint("pr-1");
    Target target = vela.target("app~" + token.id(), "app");
    assertThat(target.branch()).isEqualTo(new BranchName("pr-1"));
    var role = get(vela.router.role(target)).orElseThrow();
    assertThat(role.name()).isEqualTo("app");
    assertThat(role.password()).contains(vela.catalog.token(token.id()).orElseThrow().verifier());
  }

  @Test
  void withoutATokenTheRoleIsTheBranchesOwn() throws Exception {
    assertThat(get(vela.router.role(vela.target("app", "app@pr-1"))).orElseThrow().password())
        .contains(new Secret("SCRAM-SHA-256$x"));
    assertThat(get(vela.router.role(vela.target("nobody", "app@pr-1")))).isEmpty();
    assertThat(get(vela.router.role(vela.target("app", "app@pr-new")))).isPresent();
    assertThat(vela.agent.clones).hasSize(2);
  }

  @Test
  void aWrongUnknownExpiredOrRevokedTokenIsBadAndNobodyIsToldWhy() throws Exception {
    var token = mint("pr-1");
    assertThat(refusal("app", "app@vela_" + token.id() + "_" + "x".repeat(43)))
        .isEqualTo(new RouteFailure.BadToken());
    assertThat(refusal("app", "app@vela_zzzzzz_" + "x".repeat(43)))
        .isEqualTo(new RouteFailure.BadToken());
    assertThat(refusal("app~zzzzzz", "app")).isEqualTo(new RouteFailure.BadToken());
    var brief =
        vela.router.mintToken(
            new TokenRequest(
                Optional.of(new BranchName("pr-1")),
                Optional.empty(),
                Optional.of(vela.time.clock().instant().plusSeconds(10))));
    vela.target("app", "app@" + brief.bearer().reveal());
    vela.time.pass(Duration.ofSeconds(10));
    assertThat(refusal("app", "app@" + brief.bearer().reveal()))
        .isEqualTo(new RouteFailure.BadToken());
  }

  @Test
  void aTokenOfOneBranchDoesNotReachAnother() throws Exception {
    var token = mint("pr-1");
    assertThat(refusal("app~" + token.id(), "app@pr-2"))
        .isInstanceOf(RouteFailure.NotGranted.class);
    assertThat(vela.target("app~" + token.id(), "app@pr-1").branch())
        .isEqualTo(new BranchName("pr-1"));
  }

  @Test
  void aTokenForARoleDoesNotGrantAnother() throws Exception {
    var token =
        vela.router.mintToken(
            new TokenRequest(
                Optional.of(new BranchName("pr-1")), Optional.of("app"), Optional.empty()));
    vela.target("app~" + token.id(), "app");
    assertThat(refusal("postgres~" + token.id(), "app"))
        .isInstanceOf(RouteFailure.NotGranted.class);
  }

  @Test
  void aTokenGoesWithItsBranchAndIsNotGoodForTheNextOfThatName() throws Exception {
    var token = mint("pr-1");
    vela.router.delete(new BranchName("pr-1"), false);
    vela.lease("pr-1").close();
    assertThat(refusal("app", "app@" + token.bearer().reveal()))
        .isEqualTo(new RouteFailure.BadToken());
  }

  @Test
  void onlyASystemTokenIsGoodForTheSystem() throws Exception {
    var system =
        vela.router.mintToken(
            new TokenRequest(Optional.empty(), Optional.empty(), Optional.empty()));
    assertThat(vela.router.verifySystemToken(system.bearer())).contains(system.id());
    assertThat(vela.router.verifySystemToken(mint("pr-1").bearer())).isEmpty();
    assertThat(vela.router.verifySystemToken(new Secret("vela_x"))).isEmpty();
    assertThat(refusal("app~" + system.id(), "app")).isEqualTo(new RouteFailure.NoBranchNamed());
    assertThat(vela.target("app~" + system.id(), "app@pr-2").branch())
        .isEqualTo(new BranchName("pr-2"));
  }

  @Test
  void aTokenForABranchThatIsNotThereIsNotMade() {
    assertThatThrownBy(() -> mint("none")).hasMessageContaining("does not exist");
  }

  @Test
  void aPasswordThatDidNotMatchHasTheRolesReadAgainAtMostOnceASecond() throws Exception {
    var target = vela.target("app", "app@pr-1");
    vela.router.passwordDidNotMatch(target);
    vela.router.passwordDidNotMatch(target);
    org.awaitility.Awaitility.await().until(() -> vela.agent.count("refreshContents") == 1);
    vela.time.pass(Duration.ofSeconds(1));
    vela.router.passwordDidNotMatch(target);
    org.awaitility.Awaitility.await().until(() -> vela.agent.count("refreshContents") == 2);
  }
}
