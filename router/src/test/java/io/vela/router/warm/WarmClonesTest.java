package io.vela.router.warm;

import static io.vela.router.RouterFixture.failure;
import static io.vela.router.RouterFixture.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.agent.CloneFailure;
import io.vela.agent.CloneId;
import io.vela.agent.InstanceExit;
import io.vela.agent.Role;
import io.vela.agent.Source;
import io.vela.config.BranchPolicy;
import io.vela.config.Durability;
import io.vela.config.ParkPolicy;
import io.vela.config.VelaConfig;
import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.FakeCatalog;
import io.vela.router.FakeCloneService;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router.BranchSettings;
import io.vela.router.Router.WarmView;
import io.vela.router.RouterFixture;
import io.vela.router.branch.BranchLease;
import io.vela.router.catalog.BranchRow;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
class WarmClonesTest {
  private static final BranchName PR = new BranchName("pr-1");
  private RouterFixture vela;

  @BeforeEach
  void twoWarm() throws Exception {
    vela = new RouterFixture();
    vela.policy(policy(2, Durability.RELAXED));
    awaitReady(2);
  }

  @AfterEach
  void close() {
    vela.close();
  }

  private static BranchPolicy policy(int warm, Durability durability) {
    return new BranchPolicy(
        List.of("*"), Duration.ofSeconds(60), durability, false, warm, ParkPolicy.DEFAULT);
  }

  private WarmView warm() {
    return vela.router.baselines().getFirst().warm();
  }

  private void awaitReady(int count) {
    await().until(() -> warm().ready() == count);
  }

  /** Lets a second pass, again and again, until it is so. */
  private void passUntilReady(int count) {
    await()
        .until(
            () -> {
              vela.time.pass(Duration.ofSeconds(1));
              return warm().ready() == count;
            });
  }

  private double count(String state) {
    return vela.registry.get("vela.warm.clones").tag("state", state).gauge().value();
  }

  private void settled() {
    await().until(() -> count("going") == 0 && count("making") == 0);
  }

  /** Clones, instances and rows are those of the branches and of so many warm ones. */
  private void nothingLeaked(int branches, int warm) {
    settled();
    assertThat(vela.agent.clones).hasSize(branches + warm);
    assertThat(vela.catalog.branches).hasSize(branches);
    assertThat(vela.catalog.warm).hasSize(warm);
    assertThat(vela.registry.get("vela.instances").gauge().value())
        .isEqualTo(vela.agent.running.size());
  }

  @Test
  void whoConnectsIsHandedAWarmOneWithoutACloneOrAStart() throws Exception {
    var clones = Set.copyOf(vela.agent.clones);
    vela.lease("pr-1");

    assertThat(vela.agent.count("createClone")).isEqualTo(2);
    assertThat(vela.agent.count("start")).isEqualTo(2);
    assertThat(clones).contains(new CloneId(vela.router.branch(PR).id()));
    assertThat(vela.registry.timer("vela.branch.wake", "kind", "warm").count()).isEqualTo(1);
    assertThat(vela.registry.timer("vela.branch.wake", "kind", "create").count()).isZero();
    assertThat(vela.catalog.events("branch.created"))
        .containsExactly(
            "pr-1: warm clone %s of baseline main".formatted(vela.router.branch(PR).id()));
  }

  @Test
  void aWarmOneIsNoBranchUntilItIsHandedOut() throws Exception {
    assertThat(vela.router.branches()).isEmpty();
    assertThat(warm()).isEqualTo(new WarmView(2, 2));
    assertThat(vela.router.baselines().getFirst().branches()).isZero();
    assertThat(vela.registry.get("vela.branches").tag("state", "running").gauge().value()).isZero();
    assertThat(count("ready")).isEqualTo(2);
    vela.lease("pr-1");
    assertThat(warm().ready()).isEqualTo(1);
    assertThat(vela.router.branches()).hasSize(1);
  }

  @Test
  void whatIsTakenIsMadeAnewOnceTheTakerHasHadHisTime() throws Exception {
    vela.lease("pr-1");
    assertThat(vela.agent.count("createClone")).isEqualTo(2);
    vela.time.pass(Duration.ofMillis(300));
    awaitReady(2);
    nothingLeaked(1, 2);
  }

  @Test
  void manyAtOnceTakeWhatThereIsAndTheRestAreCloned() throws Exception {
    var leases = new ArrayList<CompletableFuture<BranchLease>>();
    for (int i = 0; i < 30; i++) {
      leases.add(vela.ask("b" + i));
    }
    for (var lease : leases) {
      get(lease);
    }
    assertThat(vela.registry.timer("vela.branch.wake", "kind", "warm").count()).isEqualTo(2);
    assertThat(vela.registry.timer("vela.branch.wake", "kind", "create").count()).isEqualTo(28);
    assertThat(vela.catalog.branches.values().stream().map(BranchRow::cloneId).distinct())
        .hasSize(30);
    passUntilReady(2);
    nothingLeaked(30, 2);
  }

  @Test
  void oneThatIsCreatedByHandIsWarmTooAndHasItsOwnSettings() throws Exception {
    var own =
        new BranchSettings(Optional.of(Duration.ofSeconds(5)), Optional.empty(), Optional.empty());
    var view = vela.router.createBranch(PR, VelaConfig.MAIN, own);

    assertThat(view.state()).isEqualTo("running");
    assertThat(view.suspendAfter()).isEqualTo(Duration.ofSeconds(5));
    vela.time.pass(Duration.ofSeconds(6));
    await().until(() -> vela.state("pr-1").equals("suspended"));
  }

  @Test
  void itSleepsAndWakesAsAnyBranch() throws Exception {
    vela.lease("pr-1").close();
    vela.router.suspend(PR, false);
    vela.lease("pr-1").close();
    assertThat(vela.registry.timer("vela.branch.wake", "kind", "wake").count()).isEqualTo(1);
    vela.router.delete(PR, false);
    passUntilReady(2);
    nothingLeaked(0, 2);
  }

  @Test
  void itsRolesAreThoseOfItsInstance() throws Exception {
    vela.lease("pr-1");
    var role =
        new Role(
            "app", Optional.of(new Secret("SCRAM-SHA-256$new")), true, false, -1, Optional.empty());
    vela.agent.liveRoles = Optional.of(Map.of("app", role));
    assertThat(get(vela.router.role(vela.target("app", "app@pr-1")))).contains(role);
  }

  @Test
  void aNewerSnapshotReplacesThemAndTheOldOneGoes() throws Exception {
    var old = Set.copyOf(vela.agent.clones);
    var snapshot = Set.copyOf(vela.agent.snapshots);
    vela.router.importBaseline(VelaConfig.MAIN, new Source.Empty(18, List.of()), _ -> {});

    await().until(() -> vela.agent.clones.stream().noneMatch(old::contains));
    passUntilReady(2);
    settled();
    assertThat(vela.agent.snapshots).hasSize(1).doesNotContainAnyElementsOf(snapshot);
    vela.lease("pr-1");
    assertThat(vela.router.branch(PR).snapshot())
        .isEqualTo(vela.agent.snapshots.iterator().next().value());
  }

  @Test
  void anotherSettingReplacesThem() throws Exception {
    var old = Set.copyOf(vela.agent.clones);
    vela.policy(policy(2, Durability.FULL));
    await().until(() -> vela.agent.clones.stream().noneMatch(old::contains));
    passUntilReady(2);
    nothingLeaked(0, 2);
  }

  @Test
  void aSmallerPolicyDiscardsTheRest() {
    vela.policy(policy(1, Durability.RELAXED));
    awaitReady(1);
    nothingLeaked(0, 1);
    vela.policy(policy(0, Durability.RELAXED));
    awaitReady(0);
    nothingLeaked(0, 0);
    assertThat(vela.agent.running).isEmpty();
  }

  @Test
  void oneThatDiesIsReplaced() {
    vela.agent.crash(vela.agent.running.keySet().iterator().next());
    await().until(() -> vela.agent.count("createClone") == 3);
    awaitReady(2);
    nothingLeaked(0, 2);
  }

  @Test
  void whatCannotBeMadeIsTriedAgainLaterAndLeavesNothing() throws Exception {
    vela.agent.fail("start", new CloneFailure.StartFailed("no", ""));
    vela.agent.running.keySet().stream().findFirst().ifPresent(vela.agent::crash);
    await().until(() -> vela.agent.count("start") == 3);
    awaitReady(1);
    nothingLeaked(0, 1);
    vela.agent.heal("start");
    passUntilReady(2);
  }

  @Test
  void noneIsMadeWhileAClientsStartIsAtWork() throws Exception {
    vela.lease("a");
    vela.lease("b");
    var hold = vela.agent.hold("createClone");
    var holds = new ArrayList<CompletableFuture<BranchLease>>();
    for (int i = 0; i < 5; i++) {
      holds.add(vela.ask("c" + i));
    }
    await().until(() -> vela.agent.count("createClone") == 2 + 5);
    for (int i = 0; i < 10; i++) {
      vela.time.pass(Duration.ofSeconds(1));
    }
    assertThat(vela.agent.count("createClone")).isEqualTo(2 + 5);
    hold.countDown();
    for (var lease : holds) {
      get(lease);
    }
    passUntilReady(2);
  }

  @Test
  void theyAreGivenUpBeforeAnyBranchSleeps() throws Exception {
    vela.limitRunning(4);
    vela.policy(policy(2, Durability.RELAXED));
    vela.lease("a").close();
    vela.lease("b").close();
    passUntilReady(1);
    vela.router.createBranch(new BranchName("c"), VelaConfig.MAIN, BranchSettings.POLICY);
    vela.lease("d");
    assertThat(vela.agent.running.size()).isLessThanOrEqualTo(4);
    assertThat(vela.state("a")).isEqualTo("running");
    assertThat(vela.state("b")).isEqualTo("running");
    for (int i = 0; i < 10; i++) {
      vela.time.pass(Duration.ofSeconds(1));
    }
    // Another place has to stay free, and none is.
    assertThat(warm().ready()).isZero();
    settled();
  }

  @Test
  void aWarmOneGivesItsRoomToABranchThatWakes() throws Exception {
    vela.lease("a").close();
    vela.router.suspend(new BranchName("a"), false);
    vela.limitRunning(1);
    var lease = vela.ask("a");
    get(lease);
    assertThat(vela.agent.running).hasSize(1);
    nothingLeaked(1, 0);
  }

  @Test
  void aNameThatIsTakenCostsNoWarmOne() throws Exception {
    vela.lease("pr-1").close();
    assertThatThrownBy(() -> vela.router.createBranch(PR, VelaConfig.MAIN, BranchSettings.POLICY))
        .isInstanceOf(RouteException.class);
    vela.catalog.left("elsewhere", vela.agent.snapshots.iterator().next(), BranchRow.Phase.READY);
    assertThat(failure(vela.ask("elsewhere"))).isInstanceOf(RouteFailure.AlreadyExists.class);
    awaitReady(2);
    settled();
    // One that is pr-1's, two that are warm: the one that was not needed is among them.
    assertThat(vela.agent.clones).hasSize(3);
    assertThat(vela.agent.count("destroyClone")).isZero();
  }

  @Test
  void whenNobodyKnowsWhetherItWasHandedOutItIsTakenBackAndRemoved() throws Exception {
    vela.catalog.onHandOut = () -> vela.catalog.down = true;
    assertThat(failure(vela.ask("pr-1"))).isInstanceOf(RouteFailure.CatalogUnavailable.class);
    assertThat(vela.catalog.branches).hasSize(1);

    vela.catalog.onHandOut = () -> {};
    vela.catalog.down = false;
    passUntilReady(2);
    vela.time.pass(Duration.ofSeconds(15));
    await().until(() -> vela.catalog.branches.isEmpty());
    nothingLeaked(0, 2);
    vela.lease("pr-1");
  }

  @Test
  void noneIsLeftWhenVelaStops() throws Exception {
    vela.lease("pr-1").close();
    vela.router.close();
    assertThat(vela.agent.running).isEmpty();
    assertThat(vela.agent.clones).hasSize(1);
    assertThat(vela.catalog.warm).isEmpty();
  }

  @Test
  void oneThatIsBeingMadeWhenVelaStopsIsRemoved() throws Exception {
    var hold = vela.agent.hold("start");
    vela.agent.crash(vela.agent.running.keySet().iterator().next());
    await().until(() -> vela.agent.count("start") == 3);
    try (var threads = java.util.concurrent.Executors.newVirtualThreadPerTaskExecutor()) {
      var closing = threads.submit(vela.router::close);
      await().until(() -> warm().ready() == 0);
      hold.countDown();
      closing.get();
    }
    assertThat(vela.agent.running).isEmpty();
    assertThat(vela.agent.clones).isEmpty();
    assertThat(vela.catalog.warm).isEmpty();
  }

  @ParameterizedTest(name = "clone {0}, running {1}")
  @CsvSource({"false, false", "true, false", "true, true"})
  void whatAKilledVelaLeftIsRemovedAndMadeAnew(boolean there, boolean running) throws Exception {
    var agent = new FakeCloneService();
    var catalog = new FakeCatalog();
    try (var first = new RouterFixture(agent, catalog)) {
      first.router.ensureBaseline(VelaConfig.MAIN, new Source.Empty(18, List.of()));
    }
    var left = CloneId.random();
    catalog.warm().insert(left, VelaConfig.MAIN);
    if (there) {
      agent.clones.add(left);
    }
    if (running) {
      agent.running.put(left, new CompletableFuture<InstanceExit>());
    }
    try (var again = new RouterFixture(agent, catalog)) {
      assertThat(agent.clones).isEmpty();
      assertThat(agent.running).isEmpty();
      assertThat(catalog.warm).isEmpty();
      assertThat(again.router.branches()).isEmpty();
    }
  }

  @Test
  void killedAfterTheHandOutItIsABranchThatRuns() throws Exception {
    vela.policy(policy(1, Durability.RELAXED));
    awaitReady(1);
    settled();
    var lease = vela.lease("pr-1");
    // The first Vela says no word more.
    try (var again = new RouterFixture(vela.agent, vela.catalog)) {
      assertThat(again.state("pr-1")).isEqualTo("running");
      assertThat(again.lease("pr-1").endpoint()).isEqualTo(lease.endpoint());
      assertThat(vela.agent.clones).hasSize(1);
    }
  }
}
