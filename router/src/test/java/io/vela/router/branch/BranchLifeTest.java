package io.vela.router.branch;

import static io.vela.router.RouterFixture.failure;
import static io.vela.router.RouterFixture.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vela.agent.CloneFailure;
import io.vela.agent.CloneFailure.StopTimedOut;
import io.vela.agent.Source;
import io.vela.agent.StopMode;
import io.vela.config.VelaConfig;
import io.vela.config.value.BranchName;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router.BranchSettings;
import io.vela.router.RouterFixture;
import io.vela.router.catalog.BranchRow;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class BranchLifeTest {
  private static final BranchName PR = new BranchName("pr-1");
  private RouterFixture vela;

  @BeforeEach
  void open() throws Exception {
    vela = new RouterFixture();
  }

  @AfterEach
  void close() {
    vela.close();
  }

  @Test
  void twoHundredThatComeAtOnceCauseOneCloneAndOneStart() throws Exception {
    var hold = vela.agent.hold("createClone");
    var leases = new ArrayList<CompletableFuture<BranchLease>>();
    var asking = new ConcurrentLinkedQueue<CompletableFuture<BranchLease>>();
    try (var clients = Executors.newVirtualThreadPerTaskExecutor()) {
      var target = vela.target("app", "app@pr-1");
      for (int i = 0; i < 200; i++) {
        clients.execute(() -> asking.add(vela.router.lease(target, vela.label("psql"))));
      }
    }
    leases.addAll(asking);
    assertThat(vela.router.branch(PR).waiting()).isEqualTo(200);
    hold.countDown();

    for (var lease : leases) {
      assertThat(get(lease).branch()).isEqualTo(PR);
    }
    assertThat(vela.agent.count("createClone")).isEqualTo(1);
    assertThat(vela.agent.count("start")).isEqualTo(1);
    assertThat(vela.router.branch(PR).sessions()).isEqualTo(200);
  }

  @Test
  void whoComesWhileItSuspendsIsServedByTheStartThatFollows() throws Exception {
    vela.lease("pr-1").close();
    var hold = vela.agent.hold("stop");
    vela.time.pass(Duration.ofSeconds(61));
    await().until(() -> vela.agent.count("stop") == 1);

    var first = vela.ask("pr-1");
    var second = vela.ask("pr-1");
    assertThat(vela.state("pr-1")).isEqualTo("suspending");
    assertThat(first).isNotDone();
    hold.countDown();

    get(first);
    get(second);
    assertThat(vela.agent.count("start")).isEqualTo(2);
  }

  @Test
  void eachWaitsForItsOwnTime() throws Exception {
    var hold = vela.agent.hold("start");
    var early = vela.ask("pr-1");
    vela.time.pass(Duration.ofSeconds(20));
    var late = vela.ask("pr-1");
    vela.time.pass(Duration.ofSeconds(11));

    assertThat(failure(early)).isEqualTo(new RouteFailure.WakeTimedOut(PR, Duration.ofSeconds(30)));
    hold.countDown();
    get(late);
    assertThat(vela.router.branch(PR).sessions()).isEqualTo(1);
  }

  @Test
  void whyAStartFailedIsToldWithTheLastLinesOfTheLog() throws Exception {
    vela.agent.fail(
        "start",
        new CloneFailure.StartFailed(
            "Postgres did not start",
            "LOG:  starting PostgreSQL\nFATAL:  configuration file contains errors"));
    failure(vela.ask("pr-1"));

    var why = vela.router.why(PR);

    assertThat(why.summary()).contains("Postgres did not start");
    assertThat(why.reasons())
        .containsExactly("LOG:  starting PostgreSQL", "FATAL:  configuration file contains errors");
  }

  @Test
  void aStartThatHangsDoesNotKeepOthersFromStarting() throws Exception {
    vela.limitStarts(1);
    var hold = vela.agent.hold("start");
    var hangs = vela.ask("pr-1");
    await().until(() -> vela.agent.count("start") == 1);
    var other = vela.ask("pr-2");
    vela.time.pass(Duration.ofSeconds(29));
    assertThat(vela.agent.count("createClone")).isEqualTo(1);

    vela.time.pass(Duration.ofSeconds(2));

    await().until(() -> vela.agent.count("createClone") == 2);
    failure(hangs);
    failure(other);
    hold.countDown();
  }

  @Test
  void aDeletionDoesNotWaitForAStartThatHangs() throws Exception {
    var hold = vela.agent.hold("start");
    var hangs = vela.ask("pr-1");
    await().until(() -> vela.agent.count("start") == 1);

    var deletion = delete();

    await().atMost(Duration.ofSeconds(20)).until(() -> vela.agent.count("stop") > 0);
    assertThat(failure(hangs)).isEqualTo(new RouteFailure.BranchDeleted(PR));
    hold.countDown();
    get(deletion);
    assertThat(vela.router.branches()).isEmpty();
    assertThat(vela.agent.running).isEmpty();
  }

  private CompletableFuture<Optional<StopMode>> delete() {
    var deletion = new CompletableFuture<Optional<StopMode>>();
    Thread.startVirtualThread(
        () -> {
          try {
            deletion.complete(vela.router.delete(PR, true));
          } catch (RouteException | InterruptedException e) {
            deletion.completeExceptionally(e);
          }
        });
    return deletion;
  }

  @Test
  void whoGivesUpIsForgotten() throws Exception {
    var hold = vela.agent.hold("start");
    var lease = vela.ask("pr-1");
    await().until(() -> vela.agent.count("start") == 1);
    lease.cancel(false);

    assertThat(vela.router.branch(PR).waiting()).isZero();
    hold.countDown();
    await().until(() -> vela.state("pr-1").equals("running"));
    assertThat(vela.router.branch(PR).sessions()).isZero();
  }

  @Test
  void aFailedStartIsToldToAllAtOnceUntilItMayBeTriedAgain() throws Exception {
    var cause = new CloneFailure.StartFailed("postgres ended", "FATAL: no");
    vela.agent.fail("start", cause);
    var hold = vela.agent.hold("start");
    var first = vela.ask("pr-1");
    var second = vela.ask("pr-1");
    hold.countDown();

    assertThat(failure(first)).isInstanceOf(RouteFailure.AgentFailed.class);
    assertThat(failure(second).detail()).contains("FATAL: no");
    assertThat(failure(vela.ask("pr-1")).detail()).contains("FATAL: no");
    assertThat(vela.agent.count("start")).isEqualTo(1);
    assertThat(vela.state("pr-1")).isEqualTo("failed");

    vela.agent.heal("start");
    vela.time.pass(Duration.ofMillis(1100));
    vela.lease("pr-1");
    assertThat(vela.agent.count("createClone")).isEqualTo(1);
  }

  @Test
  void theBreakAfterFailuresGrows() throws Exception {
    vela.agent.fail("start", new CloneFailure.StartFailed("no", ""));
    failure(vela.ask("pr-1"));
    vela.time.pass(Duration.ofMillis(1100));
    failure(vela.ask("pr-1"));
    assertThat(vela.agent.count("start")).isEqualTo(2);
    vela.time.pass(Duration.ofMillis(1100));
    failure(vela.ask("pr-1"));
    assertThat(vela.agent.count("start")).isEqualTo(2);
  }

  @Test
  void aCreateThatFailedLeavesNothingAndIsTriedAfresh() throws Exception {
    vela.agent.fail("createClone", new CloneFailure.PoolFull(1, 2));
    assertThat(failure(vela.ask("pr-1"))).isInstanceOf(RouteFailure.AgentFailed.class);
    assertThat(vela.router.branches()).isEmpty();
    assertThat(vela.catalog.branches).isEmpty();

    vela.agent.heal("createClone");
    vela.time.pass(Duration.ofSeconds(2));
    vela.lease("pr-1");
    assertThat(vela.state("pr-1")).isEqualTo("running");
  }

  @Test
  void anInstanceThatEndsByItselfIsToldAndStartedAgainByTheNext() throws Exception {
    var lease = vela.lease("pr-1");
    vela.agent.crash(vela.agent.clones.iterator().next());

    assertThat(get(lease.instanceExit()).requested()).isFalse();
    await().until(() -> vela.state("pr-1").equals("suspended"));
    vela.lease("pr-1");
    lease.close();
    assertThat(vela.router.branch(PR).sessions()).isEqualTo(1);
    assertThat(vela.agent.count("start")).isEqualTo(2);
  }

  @Test
  void anInstanceKeepsNothingOfLeasesThatWereGivenBack() throws Exception {
    var first = vela.lease("pr-1");
    var second = vela.lease("pr-1");
    first.close();
    second.close();
    Object told = vela.lease("pr-1").instanceExit();
    assertThat(told).isSameAs(first.instanceExit());
    assertThat(told).isSameAs(second.instanceExit());
  }

  @Test
  void aStopThatTakesTooLongIsReportedAndWaitedFor() throws Exception {
    vela.lease("pr-1").close();
    vela.agent.fail(
        "stop", new CloneFailure.StopTimedOut(StopMode.FAST, Duration.ofSeconds(60), ""));

    assertThatThrownBy(() -> vela.router.suspend(PR, false))
        .isInstanceOf(RouteException.class)
        .extracting(e -> ((RouteException) e).failure())
        .isInstanceOf(RouteFailure.AgentFailed.class);
    assertThat(vela.state("pr-1")).isEqualTo("suspending");
    assertThat(vela.router.why(PR).summary()).contains("did not stop within 60 s");

    vela.agent.heal("stop");
    await().until(() -> vela.state("pr-1").equals("suspended"));
    assertThat(
            vela.registry
                .counter("vela.branch.suspends", "outcome", "timeout", "reason", "requested")
                .count())
        .isEqualTo(1);
  }

  @Test
  void aDeletedBranchThatDoesNotStopIsEndedByForceAndThatIsSaid() throws Exception {
    vela.lease("pr-1").close();
    vela.agent.fail("stop", new StopTimedOut(StopMode.FAST, Duration.ofSeconds(10), ""));
    vela.agent.fail(
        "stop immediate", new StopTimedOut(StopMode.IMMEDIATE, Duration.ofSeconds(10), ""));
    var killed = vela.agent.hold("stop kill");

    var deletion = delete();
    await().until(() -> vela.agent.count("stop kill") == 1);
    assertThat(vela.state("pr-1")).isEqualTo("suspending");
    assertThat(vela.router.why(PR).summary())
        .contains("did not stop within 10 s of an immediate shutdown")
        .contains("its processes are killed");
    killed.countDown();

    assertThat(get(deletion)).contains(StopMode.KILL);
    assertThat(vela.agent.calls)
        .containsSubsequence("stop", "stop immediate", "stop kill", "destroyClone");
    assertThat(vela.router.branches()).isEmpty();
    assertThat(
            vela.registry
                .counter("vela.branch.suspends", "outcome", "timeout", "reason", "delete")
                .count())
        .isEqualTo(1);
  }

  @Test
  void aBranchThatWouldNotBeSuspendedCanBeDeleted() throws Exception {
    vela.lease("pr-1").close();
    vela.agent.fail("stop", new StopTimedOut(StopMode.FAST, Duration.ofSeconds(60), ""));
    assertThatThrownBy(() -> vela.router.suspend(PR, false)).isInstanceOf(RouteException.class);
    assertThat(vela.agent.calls).doesNotContain("stop immediate", "stop kill");
    assertThat(vela.state("pr-1")).isEqualTo("suspending");

    // The stop that waits is heard of when the instance has ended.
    vela.agent.onStop("stop immediate", () -> vela.agent.heal("stop"));
    assertThat(vela.router.delete(PR, false)).contains(StopMode.IMMEDIATE);

    assertThat(vela.agent.calls).doesNotContain("stop kill");
    assertThat(vela.router.branches()).isEmpty();
  }

  @Test
  void aDeletionThatNotEvenKillingHelpsIsToldAndLeavesTheBranch() throws Exception {
    vela.lease("pr-1").close();
    var waits = "its postmaster waits for a disk and cannot be interrupted";
    vela.agent.fail("stop", new StopTimedOut(StopMode.FAST, Duration.ofSeconds(10), ""));
    vela.agent.fail(
        "stop immediate", new StopTimedOut(StopMode.IMMEDIATE, Duration.ofSeconds(10), ""));
    vela.agent.fail(
        "stop kill", new StopTimedOut(StopMode.KILL, Duration.ofSeconds(10), waits, ""));

    assertThatThrownBy(() -> vela.router.delete(PR, false))
        .isInstanceOf(RouteException.class)
        .extracting(e -> ((RouteException) e).failure().detail())
        .asString()
        .contains(waits);
    assertThat(vela.state("pr-1")).isEqualTo("suspending");
    await().until(() -> vela.router.why(PR).summary().contains(waits));
    assertThat(vela.catalog.branches).hasSize(1);

    vela.agent.heal("stop kill");
    await().until(() -> vela.state("pr-1").equals("suspended"));
    vela.router.delete(PR, false);
    assertThat(vela.router.branches()).isEmpty();
  }

  @Test
  void suspendingByHandAsksHoldersToLetGoFirst() throws Exception {
    var lease = vela.lease("pr-1");
    assertThatThrownBy(() -> vela.router.suspend(PR, false))
        .isInstanceOf(RouteException.class)
        .hasMessageContaining("in use");

    lease.revoked().thenRun(lease::close);
    vela.router.suspend(PR, true);

    assertThat(get(lease.revoked())).isEqualTo(new RouteFailure.SuspendedByHand(PR));
    assertThat(vela.state("pr-1")).isEqualTo("suspended");
    assertThat(vela.agent.running).isEmpty();
  }

  @Test
  void deletingTakesCloneRowAndName() throws Exception {
    var lease = vela.lease("pr-1");
    assertThatThrownBy(() -> vela.router.delete(PR, false)).hasMessageContaining("in use");
    lease.revoked().thenRun(lease::close);

    vela.router.delete(PR, true);

    assertThat(get(lease.revoked())).isEqualTo(new RouteFailure.BranchDeleted(PR));
    assertThat(vela.agent.clones).isEmpty();
    assertThat(vela.catalog.branches).isEmpty();
    assertThatThrownBy(() -> vela.router.branch(PR)).isInstanceOf(RouteException.class);
    vela.lease("pr-1");
    assertThat(vela.agent.count("createClone")).isEqualTo(2);
  }

  @Test
  void aDeleteCutOffIsToldAndFinishedByTheNext() throws Exception {
    vela.lease("pr-1").close();
    var target = vela.target("app", "app@pr-1");
    vela.agent.fail("destroyClone", new CloneFailure.StorageFailed("the volume is busy", ""));
    assertThatThrownBy(() -> vela.router.delete(PR, false)).isInstanceOf(RouteException.class);

    assertThat(vela.state("pr-1")).isEqualTo("failed");
    assertThat(vela.router.why(PR).summary())
        .contains("deletion was begun and is not finished")
        .contains("the volume is busy")
        .contains("Delete it again");
    assertThat(vela.catalog.branches.values())
        .singleElement()
        .extracting(BranchRow::phase)
        .isEqualTo(BranchRow.Phase.DELETING);
    assertThat(failure(vela.router.lease(target, vela.label("psql"))))
        .isEqualTo(new RouteFailure.BranchDeleted(PR));

    vela.agent.heal("destroyClone");
    vela.router.delete(PR, false);

    assertThat(vela.agent.clones).isEmpty();
    assertThat(vela.catalog.branches).isEmpty();
    assertThat(vela.router.branches()).isEmpty();
  }

  @Test
  void aDeleteCutOffAfterItsRowHadGoneIsFinishedToo() throws Exception {
    vela.lease("pr-1").close();
    vela.agent.fail("destroyClone", new CloneFailure.StorageFailed("the volume is busy", ""));
    assertThatThrownBy(() -> vela.router.delete(PR, false)).isInstanceOf(RouteException.class);
    vela.catalog.branches.clear();
    vela.agent.heal("destroyClone");

    vela.router.delete(PR, false);

    assertThat(vela.agent.clones).isEmpty();
    assertThat(vela.router.branches()).isEmpty();
  }

  @Test
  void aDeleteThatTheCatalogueCannotTakeChangesNothing() throws Exception {
    vela.lease("pr-1").close();
    vela.catalog.down = true;
    assertThatThrownBy(() -> vela.router.delete(PR, false)).isInstanceOf(RouteException.class);
    assertThat(vela.agent.clones).hasSize(1);
    vela.lease("pr-1");
  }

  @Test
  void whileTheCatalogueIsDownKnownBranchesWakeAndNewOnesAreRefused() throws Exception {
    vela.lease("pr-1").close();
    vela.router.suspend(PR, false);
    vela.catalog.down = true;

    vela.lease("pr-1");
    assertThat(failure(vela.ask("pr-2"))).isInstanceOf(RouteFailure.CatalogUnavailable.class);
    assertThat(vela.registry.get("vela.catalog.up").gauge().value()).isZero();
  }

  @Test
  void aCloneThatCannotBeWrittenDownGoes() throws Exception {
    vela.catalog.left("pr-2", vela.agent.snapshots.iterator().next(), BranchRow.Phase.READY);

    assertThat(failure(vela.ask("pr-2"))).isInstanceOf(RouteFailure.AlreadyExists.class);

    assertThat(vela.agent.clones).isEmpty();
    assertThat(vela.catalog.branches).hasSize(1);
  }

  @Test
  void aCloneStaysWhileNobodyKnowsWhetherItIsWrittenDown() throws Exception {
    vela.catalog.onInsertBranch = () -> vela.catalog.down = true;

    assertThat(failure(vela.ask("pr-1"))).isInstanceOf(RouteFailure.CatalogUnavailable.class);

    assertThat(vela.agent.clones).hasSize(1);
  }

  @Test
  void aBranchOfASnapshotThatWasSupersededMeanwhileIsMadeOfTheNewOne() throws Exception {
    vela.catalog.onInsertBranch =
        () -> {
          vela.catalog.onInsertBranch = () -> {};
          try {
            vela.router.importBaseline(VelaConfig.MAIN, new Source.Empty(18, List.of()), _ -> {});
          } catch (RouteException | InterruptedException e) {
            throw new IllegalStateException(e);
          }
        };

    vela.lease("pr-1");

    assertThat(vela.agent.snapshots).hasSize(1);
    assertThat(vela.catalog.branches.values())
        .extracting(BranchRow::snapshot)
        .containsExactlyElementsOf(vela.agent.snapshots);
    assertThat(vela.agent.clones).hasSize(1);
  }

  @Test
  void aBranchIsCreatedAsleepOnce() throws Exception {
    var view = vela.router.createBranch(PR, VelaConfig.MAIN, BranchSettings.POLICY);
    assertThat(view.state()).isEqualTo("suspended");
    assertThat(view.defaultRole()).isEqualTo("app");
    assertThat(view.defaultDatabase()).isEqualTo("app");
    assertThatThrownBy(() -> vela.router.createBranch(PR, VelaConfig.MAIN, BranchSettings.POLICY))
        .hasMessageContaining("already exists");
    assertThat(vela.agent.count("start")).isZero();
  }

  @Test
  void closingRefusesRevokesAndStops() throws Exception {
    var lease = vela.lease("pr-1");
    lease.revoked().thenRun(lease::close);
    var target = vela.target("app", "app@pr-1");

    vela.router.close();

    assertThat(get(lease.revoked())).isEqualTo(new RouteFailure.ShuttingDown());
    assertThat(vela.agent.running).isEmpty();
    assertThat(failure(vela.router.lease(target, vela.label("late"))))
        .isEqualTo(new RouteFailure.ShuttingDown());
  }

  @Test
  void closingRecordsEverySuspendBeforeItLetsGoOfTheCatalogue() throws Exception {
    var names = new ArrayList<String>();
    for (int i = 0; i < 50; i++) {
      vela.lease("b" + i).close();
      names.add("b" + i + ": shutdown, ok");
    }

    vela.router.close();

    assertThat(vela.catalog.events("branch.suspended")).containsExactlyInAnyOrderElementsOf(names);
  }

  @Test
  void twentyBranchesTimesTenClientsAreAllServed() throws Exception {
    var leases = new ArrayList<CompletableFuture<BranchLease>>();
    for (int i = 0; i < 200; i++) {
      leases.add(vela.ask("b" + i % 20));
    }
    for (var lease : leases) {
      get(lease);
    }
    assertThat(vela.agent.count("start")).isEqualTo(20);
    assertThat(List.copyOf(vela.agent.clones)).hasSize(20);
  }
}
