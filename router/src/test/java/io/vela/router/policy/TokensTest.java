package io.vela.router.policy;

import static io.vela.router.RouterFixture.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router;
import io.vela.router.Router.MintedToken;
import io.vela.router.Router.TokenRequest;
import io.vela.router.RouterFixture;
import io.vela.router.Target;
import io.vela.router.catalog.TokenRight;
import io.vela.router.route.TokenId;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
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
    return vela.router.mintToken(TokenRequest.forBranch(new BranchName(branch)));
  }

  private TokenRequest request(List<String> roles, Optional<Instant> expiresAt) {
    return new TokenRequest(
        Optional.of(new BranchName("pr-1")),
        Optional.empty(),
        roles,
        Set.of(TokenRight.CONNECT),
        expiresAt);
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
            request(List.of(), Optional.of(vela.time.clock().instant().plusSeconds(10))));
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
    var token = vela.router.mintToken(request(List.of("app", "migrator"), Optional.empty()));
    vela.target("app~" + token.id(), "app");
    vela.target("migrator~" + token.id(), "app");
    assertThat(refusal("postgres~" + token.id(), "app"))
        .isInstanceOf(RouteFailure.NotGranted.class);
  }

  @Test
  void aTokenThatWasGoodBeforeIsAnsweredWithoutWaitingUntilItIsTakenBack() throws Exception {
    var token = mint("pr-1");
    var asUser = "app~" + token.id();
    var asBearer = "app@" + token.bearer().reveal();
    var guess = "app@vela_" + token.id() + "_" + "x".repeat(43);
    var target = vela.target(asUser, "app");
    vela.target("app", asBearer);

    assertThat(vela.locate(asUser, "app")).isCompletedWithValue(target);
    assertThat(vela.locate("app", asBearer)).isCompleted();
    assertThat(vela.router.role(target)).isCompleted();
    var lease = vela.router.lease(target, vela.label("psql"));
    assertThat(lease).isCompleted();
    lease.get().close();
    assertThat(refusal("app", guess)).isEqualTo(new RouteFailure.BadToken());

    vela.router.revokeToken(token.id());
    assertThat(refusal(asUser, "app")).isEqualTo(new RouteFailure.BadToken());
    assertThat(refusal("app", asBearer)).isEqualTo(new RouteFailure.BadToken());
    assertThatThrownBy(() -> get(vela.router.lease(target, vela.label("psql"))))
        .isInstanceOf(RouteException.class);
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
    var system = vela.router.mintToken(TokenRequest.forTheSystem());
    assertThat(vela.router.authorize(system.bearer(), Optional.empty())).isEqualTo(system.id());
    assertThat(unauthorized(mint("pr-1").bearer(), Optional.empty()))
        .isInstanceOf(RouteFailure.NotGranted.class);
    assertThat(unauthorized(new Secret("vela_x"), Optional.empty()))
        .isInstanceOf(RouteFailure.Malformed.class);
    assertThat(refusal("app~" + system.id(), "app")).isEqualTo(new RouteFailure.NoBranchNamed());
    assertThat(vela.target("app~" + system.id(), "app@pr-2").branch())
        .isEqualTo(new BranchName("pr-2"));
  }

  private RouteFailure unauthorized(Secret bearer, Optional<BranchName> about) {
    try {
      throw new AssertionError("authorized " + vela.router.authorize(bearer, about));
    } catch (RouteException e) {
      return e.failure();
    }
  }

  private MintedToken mint(Optional<String> branch, Optional<String> baseline, TokenRight... rights)
      throws RouteException {
    return vela.router.mintToken(
        new TokenRequest(
            branch.map(BranchName::new),
            baseline.map(BaselineName::new),
            List.of(),
            Set.of(rights),
            Optional.empty()));
  }

  @Test
  void anAdminTokenOfABranchIsGoodForThatBranchOnly() throws Exception {
    var token = mint(Optional.of("pr-1"), Optional.empty(), TokenRight.ADMIN);
    var one = Optional.of(new BranchName("pr-1"));
    assertThat(vela.router.authorize(token.bearer(), one)).isEqualTo(token.id());
    assertThat(unauthorized(token.bearer(), Optional.of(new BranchName("pr-2"))))
        .isInstanceOf(RouteFailure.NotGranted.class);
    assertThat(unauthorized(token.bearer(), Optional.empty()))
        .isInstanceOf(RouteFailure.NotGranted.class);
    assertThat(refusal("app~" + token.id(), "app")).isInstanceOf(RouteFailure.NotGranted.class);
  }

  @Test
  void aTokenCreatesOnlyWithTheRightToDoSo() throws Exception {
    var connects = mint(Optional.empty(), Optional.empty(), TokenRight.CONNECT);
    assertThat(vela.target("app~" + connects.id(), "app@pr-1").createFrom()).isEmpty();
    assertThat(refusal("app~" + connects.id(), "app@pr-9"))
        .isEqualTo(new RouteFailure.NotGranted("the token does not grant the right to create"));
    var creates = mint(Optional.empty(), Optional.empty(), TokenRight.CONNECT, TokenRight.CREATE);
    assertThat(vela.target("app~" + creates.id(), "app@pr-9").createFrom()).isPresent();
  }

  @Test
  void aTokenOfABaselineReachesItsBranches() throws Exception {
    var token = mint(Optional.empty(), Optional.of("main"), TokenRight.CONNECT, TokenRight.ADMIN);
    assertThat(vela.target("app~" + token.id(), "app@pr-2").branch().value()).isEqualTo("pr-2");
    assertThat(vela.router.authorize(token.bearer(), Optional.of(new BranchName("pr-2"))))
        .isEqualTo(token.id());
    assertThat(unauthorized(token.bearer(), Optional.empty()))
        .isInstanceOf(RouteFailure.NotGranted.class);
    assertThatThrownBy(() -> mint(Optional.empty(), Optional.of("no"), TokenRight.CONNECT))
        .hasMessageContaining("does not exist");
  }

  @Test
  void aRevokedTokenLetsNobodyInAndItsSessionsGo() throws Exception {
    var token = mint("pr-1");
    var other = mint("pr-1");
    vela.target("app", "app@" + token.bearer().reveal());
    var target = vela.target("app~" + token.id(), "app");
    var lease = get(vela.router.lease(target, vela.label("psql")));
    var kept = get(vela.router.lease(vela.target("app~" + other.id(), "app"), vela.label("x")));

    vela.router.revokeToken(token.id());
    vela.router.revokeToken(token.id());

    assertThat(get(lease.revoked())).isEqualTo(new RouteFailure.TokenRevoked(token.id().value()));
    assertThat(kept.revoked().toCompletableFuture()).isNotDone();
    assertThat(refusal("app", "app@" + token.bearer().reveal()))
        .isEqualTo(new RouteFailure.BadToken());
    assertThat(refusal("app~" + token.id(), "app")).isEqualTo(new RouteFailure.BadToken());
    // One that was located before and is on its way.
    var late = vela.router.lease(target, vela.label("psql"));
    assertThatThrownBy(() -> get(late)).isInstanceOf(RouteException.class);
    lease.close();
    kept.close();
    assertThat(vela.router.branch(new BranchName("pr-1")).sessions()).isZero();
    assertThat(vela.catalog.events("token.revoked")).containsExactly(token.id() + ": ");
    assertThat(vela.router.tokens())
        .filteredOn(Router.TokenView::revoked)
        .extracting(Router.TokenView::id)
        .containsExactly(token.id());
  }

  @Test
  void aParkedSessionOfARevokedTokenIsToldToo() throws Exception {
    var token = mint("pr-1");
    var session = vela.connect("app~" + token.id(), "pr-1");
    var other = vela.connect("pr-1");
    vela.router.suspend(new BranchName("pr-1"), false);

    vela.router.revokeToken(token.id());

    assertThat(get(session.ended)).isEqualTo(new RouteFailure.TokenRevoked(token.id().value()));
    assertThat(other.ended).isNotDone();
  }

  @Test
  void whatIsNotThereIsNotRevoked() {
    assertThatThrownBy(() -> vela.router.revokeToken(new TokenId("zzzzzz")))
        .hasMessageContaining("does not exist");
  }

  @Test
  void aTokenForABranchThatIsNotThereIsNotMade() {
    assertThatThrownBy(() -> mint("none")).hasMessageContaining("does not exist");
  }
}
