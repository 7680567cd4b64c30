package io.vela.router.policy;

import static io.vela.router.RouterFixture.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.agent.Contents;
import io.vela.agent.Contents.Database;
import io.vela.agent.Role;
import io.vela.config.BranchPolicy;
import io.vela.config.TokenPolicy;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.RouteFailure.BadToken.Reason;
import io.vela.router.Router;
import io.vela.router.Router.MintedToken;
import io.vela.router.RouterFixture;
import io.vela.router.Target;
import io.vela.router.TokenRequest;
import io.vela.router.catalog.TokenRight;
import io.vela.router.catalog.TokenRow;
import io.vela.router.catalog.TokenState;
import io.vela.router.route.TokenId;
import java.time.Duration;
import java.util.ArrayList;
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

  private MintedToken mint(String branch) throws Exception {
    return vela.router.mintToken(TokenRequest.forBranch(new BranchName(branch))).token();
  }

  private static final TokenRequest.Subject PR_1 =
      new TokenRequest.OfBranch(new BranchName("pr-1"));

  private static TokenRequest request(TokenRequest.Roles roles, TokenRequest.Lifetime lifetime) {
    return new TokenRequest(PR_1, roles, Set.of(TokenRight.CONNECT), lifetime);
  }

  private MintedToken brief(Duration time) throws Exception {
    return vela.router
        .mintToken(request(new TokenRequest.Standard(), new TokenRequest.For(time)))
        .token();
  }

  private static RouteFailure bad(TokenId token, Reason reason) {
    return new RouteFailure.BadToken(token.value(), reason);
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
    var unknown = new TokenId("zzzzzz");
    assertThat(refusal("app", "app@vela_" + token.id() + "_" + "x".repeat(43)))
        .isEqualTo(bad(token.id(), Reason.WRONG_SECRET));
    assertThat(refusal("app", "app@vela_zzzzzz_" + "x".repeat(43)))
        .isEqualTo(bad(unknown, Reason.UNKNOWN));
    assertThat(refusal("app~zzzzzz", "app")).isEqualTo(bad(unknown, Reason.UNKNOWN));
    var brief = brief(Duration.ofSeconds(10));
    vela.target("app", "app@" + brief.bearer().reveal());
    vela.time.pass(Duration.ofSeconds(10));
    assertThat(refusal("app", "app@" + brief.bearer().reveal()))
        .isEqualTo(bad(brief.id(), Reason.EXPIRED));
    assertThat(refusal("app~" + brief.id(), "app")).isEqualTo(bad(brief.id(), Reason.EXPIRED));
    vela.router.revokeToken(brief.id());
    assertThat(refusal("app~" + brief.id(), "app")).isEqualTo(bad(brief.id(), Reason.REVOKED));
    for (var reason : Reason.values()) {
      assertThat(bad(token.id(), reason).message()).isEqualTo("the token is not valid");
      assertThat(bad(token.id(), reason).detail()).isEmpty();
    }
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
    var named = new TokenRequest.Named(List.of("app", "migrator"));
    var token = vela.router.mintToken(request(named, new TokenRequest.ByPolicy())).token();
    vela.target("app~" + token.id(), "app");
    vela.target("migrator~" + token.id(), "app");
    assertThat(refusal("postgres~" + token.id(), "app"))
        .isEqualTo(bad(token.id(), Reason.OTHER_ROLE));
    assertThat(refusal("postgres", "app@" + token.bearer().reveal()))
        .isEqualTo(bad(token.id(), Reason.OTHER_ROLE));
  }

  @Test
  void aTokenThatNamesNoRoleIsForTheDefaultOneOnlyAndEndsAsThePolicySays() throws Exception {
    vela.agent.contents =
        contents("postgres", role("postgres", true, true), role("late", true, false));

    var issued = vela.router.mintToken(TokenRequest.forBranch(new BranchName("pr-2")));

    assertThat(issued.roles()).containsExactly("late");
    assertThat(issued.role()).isEqualTo("late");
    assertThat(issued.superuser()).isFalse();
    assertThat(issued.expiresAt()).contains(vela.time.clock().instant().plus(Duration.ofDays(30)));
    assertThat(refusal("postgres~" + issued.token().id(), "app"))
        .isEqualTo(bad(issued.token().id(), Reason.OTHER_ROLE));
  }

  @Test
  void aSuperuserIsGrantedByNameOrForWantOfAnotherRoleAndSaid() throws Exception {
    var lifetime = new TokenRequest.ByPolicy();
    vela.agent.contents =
        contents("postgres", role("postgres", true, true), role("group", false, false));
    assertThat(vela.router.mintToken(request(new TokenRequest.Standard(), lifetime)))
        .matches(Router.IssuedToken::superuser)
        .returns(List.of("postgres"), Router.IssuedToken::roles);
    var named = new TokenRequest.Named(List.of("postgres"));
    assertThat(vela.router.mintToken(request(named, lifetime)).superuser()).isTrue();
    assertThat(vela.router.mintToken(request(new TokenRequest.Any(), lifetime)).superuser())
        .isTrue();
    assertThat(vela.catalog.events("token.minted")).allMatch(event -> event.contains("superuser"));
  }

  private static Contents contents(String superuser, Role... roles) {
    return new Contents(18, superuser, List.of(roles), List.of(new Database("app", superuser)));
  }

  private static Role role(String name, boolean canLogin, boolean superuser) {
    return new Role(name, Optional.empty(), canLogin, superuser, -1, Optional.empty());
  }

  @Test
  void aTokenForAllBranchesSaysItsRolesAndLivesAsTheShortestPolicySays() throws Exception {
    assertThatThrownBy(
            () ->
                new TokenRequest(
                    new TokenRequest.OfSystem(),
                    new TokenRequest.Standard(),
                    Set.of(TokenRight.CONNECT),
                    new TokenRequest.Endless()))
        .hasMessageContaining("needs its roles named");
    vela.policy(lifetime(Optional.of(Duration.ofHours(2))));
    assertThat(system(TokenRight.CONNECT).expiresAt())
        .contains(vela.time.clock().instant().plus(Duration.ofHours(2)));
    vela.policy(lifetime(Optional.empty()));
    assertThat(system(TokenRight.CONNECT).expiresAt()).isEmpty();
  }

  private static BranchPolicy lifetime(Optional<Duration> lifetime) {
    var standard = BranchPolicy.DEFAULT;
    return new BranchPolicy(
        standard.createOnConnect(),
        standard.suspendAfter(),
        standard.durability(),
        standard.replication(),
        standard.warm(),
        standard.parking(),
        standard.backends(),
        new TokenPolicy(lifetime),
        standard.maxBytes());
  }

  private Router.IssuedToken system(TokenRight... rights) throws Exception {
    return vela.router.mintToken(
        new TokenRequest(
            new TokenRequest.OfSystem(),
            new TokenRequest.Named(List.of("app")),
            Set.of(rights),
            new TokenRequest.ByPolicy()));
  }

  @Test
  void aTokenWithTheRightToCreateIsForWhicheverBranchHasTheName() throws Exception {
    var dev = new BranchName("dev");
    var token =
        vela.router
            .mintToken(
                new TokenRequest(
                    new TokenRequest.OfBranch(dev),
                    new TokenRequest.Standard(),
                    Set.of(TokenRight.CONNECT, TokenRight.CREATE, TokenRight.ADMIN),
                    new TokenRequest.ByPolicy()))
            .token();
    assertThat(vela.router.branches()).extracting(Router.BranchView::name).doesNotContain(dev);
    assertThat(vela.router.tokens().getFirst().branch()).contains(dev);
    assertThat(unauthorized(token.bearer(), Optional.of(dev)))
        .isInstanceOf(RouteFailure.NotGranted.class);

    var target = vela.target("app~" + token.id(), "app@dev");
    assertThat(target.createFrom()).isPresent();
    get(vela.router.lease(target, vela.label("psql"))).close();

    assertThat(vela.target("app~" + token.id(), "app").createFrom()).isEmpty();
    assertThat(vela.router.authorize(token.bearer(), Optional.of(dev))).isEqualTo(token.id());
    assertThat(refusal("app~" + token.id(), "app@pr-1"))
        .isInstanceOf(RouteFailure.NotGranted.class);
    assertThat(refusal("postgres~" + token.id(), "app@dev"))
        .isEqualTo(bad(token.id(), Reason.OTHER_ROLE));
    vela.router.delete(dev, false);
    assertThat(vela.target("app~" + token.id(), "app@dev").createFrom()).isPresent();
  }

  @Test
  void aRotatedTokenHasAnotherSecretAtOnceAndItsSessionsGoOn() throws Exception {
    var token = mint("pr-1");
    var before = vela.catalog.token(token.id()).orElseThrow();
    var asBearer = "app@" + token.bearer().reveal();
    vela.target("app", asBearer);
    var lease = get(vela.router.lease(vela.target("app~" + token.id(), "app"), vela.label("x")));
    var told = new ArrayList<MintedToken>();
    vela.router.onTokenRotated(told::add);

    var rotated = vela.router.rotateToken(token.id(), Optional.empty());

    assertThat(told).containsExactly(rotated);
    assertThat(rotated.id()).isEqualTo(token.id());
    assertThat(refusal("app", asBearer)).isEqualTo(bad(token.id(), Reason.WRONG_SECRET));
    vela.target("app", "app@" + rotated.bearer().reveal());
    var after = vela.catalog.token(token.id()).orElseThrow();
    var asUser = vela.target("app~" + token.id(), "app");
    assertThat(get(vela.router.role(asUser)).orElseThrow().password()).contains(after.verifier());
    assertThat(after.verifier()).isNotEqualTo(before.verifier());
    assertThat(after.expiresAt()).isEqualTo(before.expiresAt());
    assertThat(lease.revoked().toCompletableFuture()).isNotDone();
    lease.close();
    assertThat(vela.catalog.events("token.rotated")).hasSize(1);
  }

  @Test
  void whatHasEndedIsRotatedOnlyWithANewLifetimeAndNeverOnceRevoked() throws Exception {
    var token = brief(Duration.ofSeconds(10));
    vela.time.pass(Duration.ofSeconds(10));
    assertThatThrownBy(() -> vela.router.rotateToken(token.id(), Optional.empty()))
        .hasMessageContaining("is expired");
    var hour = new TokenRequest.For(Duration.ofHours(1));
    var renewed = vela.router.rotateToken(token.id(), Optional.of(hour));
    vela.target("app", "app@" + renewed.bearer().reveal());
    vela.router.revokeToken(token.id());
    assertThatThrownBy(() -> vela.router.rotateToken(token.id(), Optional.of(hour)))
        .hasMessageContaining("is revoked");
    assertThatThrownBy(() -> vela.router.rotateToken(new TokenId("zzzzzz"), Optional.empty()))
        .hasMessageContaining("does not exist");
  }

  /** A token of pr-1 as it would be after some time. */
  private TokenId aged(String id, Optional<Duration> expired, Optional<Duration> revoked)
      throws Exception {
    var now = vela.time.clock().instant();
    var row = vela.catalog.token(mint("pr-1").id()).orElseThrow();
    vela.catalog.tokens.remove(row.id());
    var aged =
        new TokenRow(
            new TokenId(id),
            row.verifier(),
            row.scope(),
            row.roles(),
            row.rights(),
            expired.map(now::minus),
            revoked.map(now::minus),
            row.createdAt());
    vela.catalog.insertToken(aged);
    return aged.id();
  }

  @Test
  void whatHasEndedIsListedAsSuchAndPrunedAMonthLaterUnlessASessionStandsOnIt() throws Exception {
    var lately = Optional.of(Duration.ofDays(29));
    var longAgo = Optional.of(Duration.ofDays(31));
    aged("good", Optional.empty(), Optional.empty());
    aged("expired1", lately, Optional.empty());
    aged("expired2", longAgo, Optional.empty());
    aged("revoked1", longAgo, lately);
    aged("revoked2", Optional.empty(), longAgo);
    var inUse = aged("used", Optional.empty(), Optional.empty());
    var lease = get(vela.router.lease(vela.target("app~used", "app"), vela.label("x")));
    vela.catalog.tokens.remove(inUse);
    aged("used", longAgo, Optional.empty());
    assertThat(vela.router.tokens())
        .extracting(view -> view.id() + " " + view.state())
        .containsExactly(
            "good good",
            "expired1 expired",
            "expired2 expired",
            "revoked1 revoked",
            "revoked2 revoked",
            "used expired");

    vela.time.pass(Duration.ofMinutes(1));

    await()
        .untilAsserted(
            () ->
                assertThat(vela.router.tokens())
                    .extracting(view -> view.id().value())
                    .containsExactly("good", "expired1", "revoked1", "used"));
    assertThat(lease.revoked().toCompletableFuture()).isNotDone();
    assertThat(refusal("app~expired1", "app@pr-1"))
        .isEqualTo(bad(new TokenId("expired1"), Reason.EXPIRED));
    assertThat(refusal("app~expired2", "app@pr-1"))
        .isEqualTo(bad(new TokenId("expired2"), Reason.UNKNOWN));
    lease.close();
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
    assertThat(refusal("app", guess)).isEqualTo(bad(token.id(), Reason.WRONG_SECRET));

    vela.router.revokeToken(token.id());
    assertThat(refusal(asUser, "app")).isEqualTo(bad(token.id(), Reason.REVOKED));
    assertThat(refusal("app", asBearer)).isEqualTo(bad(token.id(), Reason.REVOKED));
    assertThatThrownBy(() -> get(vela.router.lease(target, vela.label("psql"))))
        .isInstanceOf(RouteException.class);
  }

  @Test
  void aTokenGoesWithItsBranchAndIsNotGoodForTheNextOfThatName() throws Exception {
    var token = mint("pr-1");
    vela.router.delete(new BranchName("pr-1"), false);
    vela.lease("pr-1").close();
    assertThat(refusal("app", "app@" + token.bearer().reveal()))
        .isEqualTo(bad(token.id(), Reason.UNKNOWN));
  }

  @Test
  void onlyASystemTokenIsGoodForTheSystem() throws Exception {
    var system = system(TokenRight.CONNECT, TokenRight.ADMIN).token();
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
      throws RouteException, InterruptedException {
    var subject =
        branch
            .<TokenRequest.Subject>map(name -> new TokenRequest.OfBranch(new BranchName(name)))
            .or(() -> baseline.map(name -> new TokenRequest.OfBaseline(new BaselineName(name))))
            .orElseGet(TokenRequest.OfSystem::new);
    return vela.router
        .mintToken(
            new TokenRequest(
                subject, new TokenRequest.Any(), Set.of(rights), new TokenRequest.Endless()))
        .token();
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
        .isEqualTo(bad(token.id(), Reason.REVOKED));
    assertThat(refusal("app~" + token.id(), "app")).isEqualTo(bad(token.id(), Reason.REVOKED));
    // One that was located before and is on its way.
    var late = vela.router.lease(target, vela.label("psql"));
    assertThatThrownBy(() -> get(late)).isInstanceOf(RouteException.class);
    lease.close();
    kept.close();
    assertThat(vela.router.branch(new BranchName("pr-1")).sessions()).isZero();
    assertThat(vela.catalog.events("token.revoked")).containsExactly(token.id() + ": ");
    assertThat(vela.router.tokens())
        .filteredOn(view -> view.state() == TokenState.REVOKED)
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
