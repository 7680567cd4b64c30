package io.vela.router.catalog;

import static io.vela.router.RouterFixture.failure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.agent.CloneFailure.StartTimedOut;
import io.vela.agent.CloneFailure.StopTimedOut;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.CloneId;
import io.vela.agent.InstanceExit;
import io.vela.agent.SnapshotId;
import io.vela.agent.StopMode;
import io.vela.config.VelaConfig;
import io.vela.router.FakeCatalog;
import io.vela.router.FakeCloneService;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router.Quarantined;
import io.vela.router.RouterFixture;
import io.vela.router.catalog.BranchRow.Phase;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(60)
class ReconcilerTest {
  private final FakeCloneService agent = new FakeCloneService();
  private final FakeCatalog catalog = new FakeCatalog();
  private final SnapshotId snapshot = SnapshotId.random();

  @BeforeEach
  void aBaseline() throws RouteException {
    agent.snapshots.add(snapshot);
    catalog.switchBaseline(VelaConfig.MAIN, snapshot);
  }

  @ParameterizedTest(name = "row {0}, clone {1}, running {2}")
  @CsvSource({
    "CREATING, false, false",
    "CREATING, true, false",
    "CREATING, true, true",
    "DELETING, true, true",
    "DELETING, true, false",
    "DELETING, false, false"
  })
  void whatWasHalfMadeOrPromisedToGoGoes(Phase phase, boolean clone, boolean running)
      throws Exception {
    var row = catalog.left("pr-1", snapshot, phase);
    volume(row.cloneId(), clone, running);

    try (var vela = new RouterFixture(agent, catalog)) {
      assertThat(vela.router.branches()).isEmpty();
      assertThat(agent.clones).isEmpty();
      assertThat(agent.running).isEmpty();
      assertThat(catalog.branches).isEmpty();
      vela.lease("pr-1");
    }
  }

  @ParameterizedTest
  @CsvSource({"false", "true"})
  void aHalfMadeCloneWithoutARowGoes(boolean running) throws Exception {
    var half = CloneId.random();
    agent.unconfirmed.add(half.value());
    volume(half, true, running);
    try (var vela = new RouterFixture(agent, catalog)) {
      assertThat(vela.router.branches()).isEmpty();
      assertThat(agent.clones).isEmpty();
      assertThat(agent.running).isEmpty();
      assertThat(agent.unconfirmed).isEmpty();
      assertThat(vela.router.quarantine()).isEmpty();
    }
  }

  @ParameterizedTest
  @CsvSource({"false", "true"})
  void aWholeCloneWithoutARowIsQuarantinedUntilItIsPurged(boolean running) throws Exception {
    var whole = CloneId.random();
    volume(whole, true, running);
    try (var vela = new RouterFixture(agent, catalog)) {
      assertThat(agent.clones).containsExactly(whole);
      assertThat(agent.running).isEmpty();
      assertThat(vela.router.quarantine())
          .containsExactly(new Quarantined(Quarantined.Kind.CLONE, whole.value()));
      assertThatThrownBy(() -> vela.router.purge(snapshot.value()))
          .isInstanceOf(RouteException.class)
          .hasMessageContaining("quarantine");

      vela.router.purge(whole.value());

      assertThat(agent.clones).isEmpty();
      assertThat(vela.router.quarantine()).isEmpty();
      assertThat(agent.snapshots).containsExactly(snapshot);
    }
  }

  @Test
  void anOlderCatalogueRemovesNothingOfWhatCameAfterIt() throws Exception {
    catalog.pools.put(FakeCloneService.POOL, 3L);
    agent.own(5);
    var halfMade = CloneId.random();
    agent.unconfirmed.add(halfMade.value());
    volume(halfMade, true, false);
    var handedOut = CloneId.random();
    catalog.warm.put(handedOut, catalog.baselines.get(VelaConfig.MAIN));
    volume(handedOut, true, false);
    var newer = SnapshotId.random();
    agent.snapshots.add(newer);
    for (int start = 0; start < 2; start++) {
      try (var vela = new RouterFixture(agent, catalog)) {
        assertThat(agent.clones).containsExactlyInAnyOrder(halfMade, handedOut);
        assertThat(agent.snapshots).containsExactlyInAnyOrder(snapshot, newer);
        assertThat(vela.router.quarantine())
            .extracting(Quarantined::id)
            .containsExactlyInAnyOrder(halfMade.value(), handedOut.value(), newer.value());
      }
    }
    assertThat(catalog.pools).containsEntry(FakeCloneService.POOL, agent.ownership.epoch());
    assertThat(agent.ownership.epoch()).isGreaterThan(5);
  }

  @Test
  void theCatalogueOfAnotherPoolIsRefusedAndTouchesNothing() {
    agent.own(5);
    volume(CloneId.random(), true, true);
    assertThatThrownBy(() -> new RouterFixture(agent, catalog))
        .isInstanceOf(RouteException.class)
        .hasMessageContaining("not the one of this pool");
    assertThat(agent.clones).hasSize(1);
    assertThat(agent.running).hasSize(1);
    assertThat(agent.ownership.epoch()).isEqualTo(5);
  }

  @Test
  void aReadyBranchIsThereAsleep() throws Exception {
    var row = catalog.left("pr-1", snapshot, Phase.READY);
    volume(row.cloneId(), true, false);
    try (var vela = new RouterFixture(agent, catalog)) {
      assertThat(vela.state("pr-1")).isEqualTo("suspended");
      vela.lease("pr-1");
      assertThat(agent.count("createClone")).isZero();
    }
  }

  @Test
  void aRunningInstanceIsAdoptedAndGetsAFreshIdleTime() throws Exception {
    var row = catalog.left("pr-1", snapshot, Phase.READY);
    volume(row.cloneId(), true, true);
    try (var vela = new RouterFixture(agent, catalog)) {
      assertThat(vela.state("pr-1")).isEqualTo("running");
      vela.lease("pr-1").close();
      assertThat(agent.count("start")).isZero();
      vela.time.pass(Duration.ofSeconds(61));
      await().until(() -> vela.state("pr-1").equals("suspended"));
    }
  }

  @Test
  void anAdoptedInstanceThatNobodyUsesSleepsToo() throws Exception {
    var row = catalog.left("pr-1", snapshot, Phase.READY);
    volume(row.cloneId(), true, true);
    try (var vela = new RouterFixture(agent, catalog)) {
      vela.time.pass(Duration.ofSeconds(61));
      await().until(() -> vela.state("pr-1").equals("suspended"));
    }
  }

  @Test
  void aBranchWhoseInstanceCannotBeTakenOverIsFailedAndTheOthersAreThere() throws Exception {
    var row = catalog.left("pr-1", snapshot, Phase.READY);
    volume(row.cloneId(), true, false);
    agent.strays.put(
        row.cloneId(),
        new StartTimedOut(Duration.ofSeconds(10), "its postmaster is stopped by a signal", ""));
    var other = catalog.left("pr-2", snapshot, Phase.READY);
    volume(other.cloneId(), true, true);
    try (var vela = new RouterFixture(agent, catalog)) {
      assertThat(vela.state("pr-2")).isEqualTo("running");
      assertThat(vela.state("pr-1")).isEqualTo("failed");
      assertThat(vela.router.why(row.name()).summary())
          .contains("could not be taken over")
          .contains("its postmaster is stopped by a signal");
      assertThat(failure(vela.ask("pr-1"))).isInstanceOf(RouteFailure.AgentFailed.class);

      agent.strays.clear();
      vela.time.pass(Duration.ofSeconds(30));
      vela.lease("pr-1");
      assertThat(vela.state("pr-1")).isEqualTo("running");
    }
  }

  @Test
  void aBranchWhoseInstanceCannotBeTakenOverCanBeDeleted() throws Exception {
    var row = catalog.left("pr-1", snapshot, Phase.READY);
    volume(row.cloneId(), true, false);
    agent.strays.put(row.cloneId(), new StartTimedOut(Duration.ofSeconds(10), "", ""));
    try (var vela = new RouterFixture(agent, catalog)) {
      vela.router.delete(row.name(), false);

      assertThat(agent.calls).containsSubsequence("stop", "destroyClone");
      assertThat(agent.clones).isEmpty();
      assertThat(catalog.branches).isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Phase.class,
      names = {"CREATING", "DELETING"})
  void aBranchThatWasToGoAndCannotBeRemovedIsFailedAndCanBeDeletedLater(Phase phase)
      throws Exception {
    var row = catalog.left("pr-1", snapshot, phase);
    volume(row.cloneId(), true, true);
    var other = catalog.left("pr-2", snapshot, Phase.READY);
    volume(other.cloneId(), true, false);
    agent.fail("stop", new StopTimedOut(StopMode.FAST, Duration.ofSeconds(10), ""));
    agent.fail("stop immediate", new StopTimedOut(StopMode.IMMEDIATE, Duration.ofSeconds(10), ""));
    agent.fail("stop kill", new StopTimedOut(StopMode.KILL, Duration.ofSeconds(10), ""));
    try (var vela = new RouterFixture(agent, catalog)) {
      assertThat(vela.state("pr-2")).isEqualTo("suspended");
      assertThat(vela.state("pr-1")).isEqualTo("failed");
      assertThat(vela.router.why(row.name()).summary()).contains("did not end within 10 s");
      assertThat(catalog.branches).hasSize(2);

      agent.heal("stop");
      vela.router.delete(row.name(), false);
      assertThat(agent.clones).containsExactly(other.cloneId());
    }
  }

  @Test
  void aCloneWithoutARowThatCannotBeRemovedKeepsNothingFromStarting() throws Exception {
    var id = CloneId.random();
    volume(id, true, false);
    agent.fail("destroyClone", new StorageFailed("the volume is busy", ""));
    try (var vela = new RouterFixture(agent, catalog)) {
      assertThat(agent.clones).containsExactly(id);
      assertThat(vela.router.baselines()).hasSize(1);
    }
  }

  @Test
  void aBranchWithoutItsCloneIsToldAndNeverMadeAnew() throws Exception {
    catalog.left("pr-1", snapshot, Phase.READY);
    try (var vela = new RouterFixture(agent, catalog)) {
      assertThat(vela.state("pr-1")).isEqualTo("failed");
      assertThat(failure(vela.ask("pr-1")))
          .isInstanceOf(RouteFailure.AgentFailed.class)
          .extracting(RouteFailure::message)
          .asString()
          .contains("missing");
      vela.time.pass(Duration.ofDays(1));
      failure(vela.ask("pr-1"));
      assertThat(agent.count("createClone")).isZero();
      assertThat(catalog.branches).hasSize(1);
    }
  }

  @Test
  void halfMadeSnapshotsAndThoseUnusedGo() throws Exception {
    var half = SnapshotId.random();
    agent.snapshots.add(half);
    agent.unconfirmed.add(half.value());
    var old = SnapshotId.random();
    agent.snapshots.add(old);
    catalog.snapshots.put(old, new SnapshotRow(old, VelaConfig.MAIN, java.time.Instant.EPOCH));
    try (var vela = new RouterFixture(agent, catalog)) {
      assertThat(agent.snapshots).containsExactly(snapshot);
      assertThat(vela.router.baselines()).hasSize(1);
    }
  }

  @ParameterizedTest(name = "volume {0}, together {1}")
  @CsvSource({"true, true", "true, false", "false, true", "false, false"})
  void aSnapshotWhoseRowWentBeforeACrashGoesAndIsNotQuarantined(boolean volume, boolean together)
      throws Exception {
    try (var _ = new RouterFixture(agent, catalog)) {
      assertThat(agent.snapshots).containsExactly(snapshot);
    }
    var old = SnapshotId.random();
    catalog.going.add(old);
    if (volume) {
      agent.snapshots.add(old);
    }
    if (!together) {
      catalog.pools.replaceAll((_, epoch) -> epoch - 1);
    }

    try (var vela = new RouterFixture(agent, catalog)) {
      assertThat(agent.snapshots).containsExactly(snapshot);
      assertThat(vela.router.quarantine()).isEmpty();
    }
    assertThat(catalog.going).isEmpty();
  }

  @Test
  void aSnapshotThatABranchComesFromStays() throws Exception {
    var old = SnapshotId.random();
    agent.snapshots.add(old);
    catalog.snapshots.put(old, new SnapshotRow(old, VelaConfig.MAIN, java.time.Instant.EPOCH));
    var row = catalog.left("pr-1", old, Phase.READY);
    volume(row.cloneId(), true, false);
    try (var vela = new RouterFixture(agent, catalog)) {
      assertThat(agent.snapshots).containsExactlyInAnyOrder(snapshot, old);
      vela.router.delete(row.name(), false);
      assertThat(agent.snapshots).containsExactly(snapshot);
    }
  }

  @Test
  void anEmptyCatalogueOverAFullPoolTouchesNothing() {
    volume(CloneId.random(), true, false);
    assertThatThrownBy(() -> new RouterFixture(agent, new FakeCatalog()))
        .isInstanceOf(RouteException.class)
        .hasMessageContaining("the catalogue is empty");
    assertThat(agent.clones).hasSize(1);
    assertThat(agent.snapshots).hasSize(1);
  }

  private void volume(CloneId id, boolean there, boolean running) {
    if (there) {
      agent.clones.add(id);
    }
    if (running) {
      agent.running.put(id, new CompletableFuture<InstanceExit>());
    }
  }
}
