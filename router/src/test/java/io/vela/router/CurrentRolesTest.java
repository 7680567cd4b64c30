package io.vela.router;

import static io.vela.router.RouterFixture.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.agent.CloneFailure;
import io.vela.agent.Contents;
import io.vela.agent.Role;
import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.catalog.TokenRight;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class CurrentRolesTest {
  private static final BranchName PR = new BranchName("pr-1");
  private RouterFixture vela;

  @BeforeEach
  void aBranchIsAwake() throws Exception {
    vela = new RouterFixture();
    vela.lease("pr-1").close();
  }

  @AfterEach
  void close() {
    vela.close();
  }

  private static Role app(String password) {
    return new Role("app", Optional.of(new Secret(password)), true, false, -1, Optional.empty());
  }

  private Optional<String> password() throws Exception {
    return get(vela.router.role(vela.target("app", "app@pr-1")))
        .flatMap(Role::password)
        .map(Secret::reveal);
  }

  private void changeOnTheBranch(String password) {
    vela.agent.liveRoles = Optional.of(Map.of("app", app(password)));
  }

  @Test
  void aPasswordChangedWhileAwakeCountsAtOnce() throws Exception {
    changeOnTheBranch("new");
    assertThat(password()).contains("new");
    changeOnTheBranch("newer");
    assertThat(password()).contains("newer");
    assertThat(vela.agent.count("refreshContents")).isZero();
  }

  @Test
  void aDroppedRoleIsGoneAtOnce() throws Exception {
    vela.agent.liveRoles = Optional.of(Map.of());
    assertThat(get(vela.router.role(vela.target("app", "app@pr-1")))).isEmpty();
  }

  @Test
  void whoProvesATokenIsLeftToTheRunningInstance() throws Exception {
    var token =
        vela.router
            .mintToken(
                new TokenRequest(
                    new TokenRequest.OfBranch(PR),
                    new TokenRequest.Any(),
                    Set.of(TokenRight.CONNECT),
                    new TokenRequest.Endless()))
            .token();

    var role = get(vela.router.role(vela.target("app~" + token.id(), "app@pr-1")));

    assertThat(role.map(Role::name)).contains("app");
    assertThat(role.map(Role::canLogin)).contains(true);
    assertThat(vela.agent.count("role")).isZero();
  }

  @Test
  void asleepWhatWasReadAtItsEndHoldsAndNothingIsWoken() throws Exception {
    vela.agent.contents =
        new Contents(18, "postgres", List.of(app("new")), vela.agent.contents.databases());
    vela.router.suspend(PR, false);
    changeOnTheBranch("never asked");
    assertThat(password()).contains("new");
    assertThat(vela.state("pr-1")).isEqualTo("suspended");
    assertThat(vela.agent.count("role")).isZero();
  }

  @Test
  void afterACrashTheRolesAreReadFromTheDataBeforeAnybodyIsBelieved() throws Exception {
    changeOnTheBranch("new");
    vela.agent.crash(vela.agent.clones.iterator().next());
    await().until(() -> vela.state("pr-1").equals("suspended"));
    assertThat(password()).contains("new");
    assertThat(vela.agent.count("start")).isEqualTo(2);
  }

  @Test
  void afterACrashOfVelaARunningInstanceIsAsked() throws Exception {
    changeOnTheBranch("new");
    try (var next = new RouterFixture(vela.agent, vela.catalog)) {
      assertThat(get(next.router.role(next.target("app", "app@pr-1"))).flatMap(Role::password))
          .contains(new Secret("new"));
    }
  }

  @Test
  void rolesThatCouldNotBeReadAtTheEndAreNotBelieved() throws Exception {
    vela.agent.fail("refreshContents", new CloneFailure.QueryFailed("no"));
    vela.router.suspend(PR, false);
    vela.agent.heal("refreshContents");
    changeOnTheBranch("new");
    assertThat(password()).contains("new");
  }

  @Test
  void rolesOfARunningBranchThatCannotBeReadLetNobodyIn() throws Exception {
    vela.agent.fail("role", new CloneFailure.QueryFailed("too many clients"));
    var target = vela.target("app", "app@pr-1");
    assertThatThrownBy(() -> get(vela.router.role(target)))
        .isInstanceOf(RouteException.class)
        .hasMessageContaining("could not be read");
  }
}
