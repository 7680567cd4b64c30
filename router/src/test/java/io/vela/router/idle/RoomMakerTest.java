package io.vela.router.idle;

import static io.vela.router.RouterFixture.failure;
import static io.vela.router.RouterFixture.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.agent.Activity;
import io.vela.agent.CloneFailure;
import io.vela.agent.StopMode;
import io.vela.config.value.BranchName;
import io.vela.router.FakeSession;
import io.vela.router.RouteFailure;
import io.vela.router.RouterFixture;
import io.vela.router.branch.BranchLease;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** As many instances run as may; who comes then is given the room of who does not need it. */
@Timeout(60)
class RoomMakerTest {
  private RouterFixture vela;

  @BeforeEach
  void threeMayRun() throws Exception {
    vela = new RouterFixture();
    vela.limitRunning(3);
  }

  @AfterEach
  void close() {
    vela.close();
  }

  private double suspends() {
    return vela.registry.counter("vela.branch.suspends", "outcome", "ok", "reason", "room").count();
  }

  private void awaitWaiting(String branch) {
    await().until(() -> vela.router.why(new BranchName(branch)).summary().contains("room"));
  }

  @Test
  void theLongestUnusedGivesItsRoom() throws Exception {
    for (var name : List.of("b", "a", "c")) {
      vela.lease(name).close();
      vela.time.pass(Duration.ofSeconds(1));
    }
    vela.lease("a").close();

    vela.lease("d");

    assertThat(vela.state("b")).isEqualTo("suspended");
    assertThat(vela.state("a")).isEqualTo("running");
    assertThat(vela.state("c")).isEqualTo("running");
    // The place is free before it is counted.
    await().untilAsserted(() -> assertThat(suspends()).isEqualTo(1));
    vela.lease("e");
    assertThat(vela.state("c")).isEqualTo("suspended");
    assertThat(vela.agent.running).hasSize(3);
  }

  @Test
  void manyBranchesInTurnAreAllServed() throws Exception {
    for (int round = 0; round < 5; round++) {
      for (int i = 0; i < 6; i++) {
        vela.lease("b" + i).close();
        assertThat(vela.agent.running.size()).isLessThanOrEqualTo(3);
      }
    }
  }

  @Test
  void aCrowdOnManyBranchesIsServedInTheOrderOfItsComing() throws Exception {
    var leases = new ArrayList<CompletableFuture<BranchLease>>();
    for (int i = 0; i < 6; i++) {
      for (int client = 0; client < 10; client++) {
        leases.add(vela.ask("b" + i));
      }
      vela.time.pass(Duration.ofMillis(1));
    }
    for (int i = 0; i < 6; i++) {
      for (var lease : leases.subList(i * 10, i * 10 + 10)) {
        get(lease).close();
      }
    }
    assertThat(vela.agent.count("start")).isEqualTo(6);
  }

  @Test
  void whoWaitsIsToldWhatForAndServedWhenASessionEnds() throws Exception {
    var held = List.of(vela.lease("a"), vela.lease("b"), vela.lease("c"));
    var waiting = vela.ask("d");
    awaitWaiting("d");
    var why = vela.router.why(new BranchName("d"));
    assertThat(why.summary())
        .isEqualTo("Waits for room: 3 branches run, 3 may (limits.max-running); 1 wait.");
    assertThat(why.reasons())
        .contains("branch a: 1 sessions, first psql", "branch c: 1 sessions, first psql");
    assertThat(vela.registry.get("vela.instances.waiting").gauge().value()).isEqualTo(1);

    held.get(1).close();

    get(waiting);
    assertThat(vela.state("b")).isEqualTo("suspended");
    assertThat(vela.registry.get("vela.instances").gauge().value()).isEqualTo(3);
    assertThat(vela.registry.get("vela.instances.limit").gauge().value()).isEqualTo(3);
  }

  @Test
  void whoWaitsInVainIsRefusedWithTheLimitAndWhatKeepsTheOthersAwake() throws Exception {
    vela.lease("a");
    vela.lease("b");
    vela.lease("c");
    var waiting = vela.ask("d");
    awaitWaiting("d");
    vela.time.pass(Duration.ofSeconds(31));

    var refusal = failure(waiting);

    assertThat(refusal).isInstanceOf(RouteFailure.NoRoom.class);
    assertThat(refusal.message()).contains("\"d\"").contains("3 may run (limits.max-running)");
    assertThat(refusal.detail()).contains("branch b: 1 sessions, first psql");
    await().until(() -> vela.state("d").equals("suspended"));
    assertThat(vela.registry.get("vela.instances.waiting").gauge().value()).isZero();
  }

  @Test
  void whoGivesUpTakesNobodysRoom() throws Exception {
    var held = vela.lease("a");
    vela.lease("b");
    vela.lease("c");
    var impatient = vela.ask("d");
    awaitWaiting("d");
    impatient.cancel(false);
    await().until(() -> vela.state("d").equals("suspended"));

    held.close();

    assertThat(vela.state("a")).isEqualTo("running");
    assertThat(vela.agent.count("start")).isEqualTo(3);
  }

  @Test
  void whatPostgresDoesByItselfKeepsItsRoomUntilItIsDone() throws Exception {
    vela.agent.uses = List.of(new Activity.Use("walsender", 42, "streaming"));
    for (var name : List.of("a", "b", "c")) {
      vela.lease(name).close();
    }
    var waiting = vela.ask("d");
    awaitWaiting("d");
    await()
        .until(
            () ->
                vela.router
                    .why(new BranchName("d"))
                    .reasons()
                    .contains("branch a: walsender (pid 42): streaming"));
    assertThat(vela.agent.running).hasSize(3);

    vela.agent.uses = List.of();
    await()
        .until(
            () -> {
              vela.time.pass(Duration.ofSeconds(1));
              return waiting.isDone();
            });
    get(waiting);
  }

  @Test
  void aBranchThatWillNotStopDoesNotHoldUpWhoWaits() throws Exception {
    vela.lease("a").close();
    vela.time.pass(Duration.ofSeconds(1));
    vela.lease("b").close();
    vela.lease("c");
    vela.agent.fail(
        "stop", new CloneFailure.StopTimedOut(StopMode.FAST, Duration.ofSeconds(60), ""));
    var waiting = vela.ask("d");
    await().until(() -> vela.state("a").equals("suspending"));
    await().until(() -> vela.state("b").equals("suspending"));

    vela.agent.heal("stop");

    get(waiting);
  }

  @Test
  void aBranchThatWaitsForRoomCanBeDeleted() throws Exception {
    vela.lease("a");
    vela.lease("b");
    vela.lease("c");
    var waiting = vela.ask("d");
    awaitWaiting("d");

    vela.router.delete(new BranchName("d"), true);

    assertThat(failure(waiting)).isInstanceOf(RouteFailure.BranchDeleted.class);
    assertThat(vela.agent.clones).hasSize(3);
  }

  @Test
  void velaStopsWhileSomebodyWaits() throws Exception {
    for (var name : List.of("a", "b", "c")) {
      var lease = vela.lease(name);
      lease.revoked().thenRun(lease::close);
    }
    var waiting = vela.ask("d");
    awaitWaiting("d");

    vela.router.close();

    assertThat(failure(waiting)).isEqualTo(new RouteFailure.ShuttingDown());
    assertThat(vela.agent.running).isEmpty();
  }

  @Test
  void aFailedStartAndACrashLeaveTheirRoom() throws Exception {
    vela.lease("a");
    vela.lease("b");
    vela.agent.fail("start", new CloneFailure.StartFailed("no", ""));
    failure(vela.ask("x"));
    vela.agent.heal("start");
    vela.lease("c");
    var waiting = vela.ask("d");
    awaitWaiting("d");

    vela.agent.crash(vela.agent.running.keySet().iterator().next());

    get(waiting);
    assertThat(vela.agent.running).hasSize(3);
  }

  @Test
  void aRaisedLimitLetsInWhoWaits() throws Exception {
    vela.limitRunning(1);
    vela.lease("a");
    var waiting = vela.ask("b");
    awaitWaiting("b");

    vela.limitRunning(2);

    get(waiting);
  }

  @Test
  void whereSessionsAreQuietForLongestRoomIsMadeWhenNobodyIsUnused() throws Exception {
    var first = vela.connect("a");
    vela.time.pass(Duration.ofSeconds(2));
    var second = vela.connect("b");
    vela.time.pass(Duration.ofSeconds(2));
    vela.lease("c").close();

    vela.lease("d");
    assertThat(vela.state("c")).isEqualTo("suspended");
    vela.lease("e");

    assertThat(vela.state("a")).isEqualTo("suspended");
    assertThat(vela.state("b")).isEqualTo("running");
    assertThat(first.calls).containsExactly("prepare", "confirm", "park");
    assertThat(second.calls).isEmpty();
    await().untilAsserted(() -> assertThat(suspends()).isEqualTo(2));
  }

  @Test
  void whatCannotBeParkedIsLeftAloneAndNamed() throws Exception {
    var temporary = vela.connect("a");
    temporary.onPrepare = FakeSession.veto("temporary-objects");
    vela.connect("b").isAtWork();
    vela.lease("c");
    vela.time.pass(Duration.ofSeconds(2));

    var waiting = vela.ask("d");
    await().until(() -> temporary.count("resume") == 1);
    vela.time.pass(Duration.ofSeconds(5));
    assertThat(waiting).isNotDone();

    temporary.disconnect();
    get(waiting);
    assertThat(temporary.count("prepare")).isEqualTo(1);
  }
}
