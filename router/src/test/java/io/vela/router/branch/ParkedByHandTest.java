package io.vela.router.branch;

import static io.vela.router.RouterFixture.failure;
import static io.vela.router.RouterFixture.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.config.value.BranchName;
import io.vela.router.BranchSession.State;
import io.vela.router.BranchSession.Veto;
import io.vela.router.FakeSession;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.RouterFixture;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is done to a branch by hand while clients are connected. */
@Timeout(60)
class ParkedByHandTest {
  private static final BranchName PR = new BranchName("pr-1");
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private RouterFixture vela;

  @BeforeEach
  void open() throws Exception {
    vela = new RouterFixture();
  }

  @AfterEach
  void close() {
    vela.close();
    threads.shutdownNow();
  }

  private interface Deed {
    void run() throws Exception;
  }

  /** Begins to do it; fails as it does. */
  private CompletableFuture<Boolean> begin(Deed deed) {
    var done = new CompletableFuture<Boolean>();
    threads.execute(
        () -> {
          try {
            deed.run();
            done.complete(true);
          } catch (Exception e) {
            done.completeExceptionally(e);
          }
        });
    return done;
  }

  private RouteFailure refusal(Deed deed) throws Exception {
    try {
      deed.run();
    } catch (RouteException e) {
      return e.failure();
    }
    throw new AssertionError("it was not refused");
  }

  /** Asked to park, and does not answer. */
  private FakeSession undecided() throws Exception {
    var session = vela.connect("pr-1");
    session.onPrepare = CompletableFuture::new;
    return session;
  }

  private void awaitAsked(FakeSession session) {
    await().until(() -> session.count("prepare") == 1);
  }

  @Test
  void suspendParksThoseThatCanBeParkedHoweverShortTheyHaveBeenQuiet() throws Exception {
    var session = vela.connect("pr-1");

    vela.router.suspend(PR, false);

    assertThat(vela.state("pr-1")).isEqualTo("suspended");
    assertThat(session.calls).containsExactly("prepare", "confirm", "park");
    assertThat(session.ended).isNotDone();
  }

  @Test
  void suspendIsRefusedWithTheVetoes() throws Exception {
    var good = vela.connect("pr-1");
    var bad = vela.connect("pr-1");
    bad.onPrepare = FakeSession.veto("busy");

    assertThat(refusal(() -> vela.router.suspend(PR, false)).detail())
        .isEqualTo("app 2: busy: a test");

    assertThat(vela.state("pr-1")).isEqualTo("running");
    assertThat(good.calls).containsExactly("prepare", "resume");
  }

  @Test
  void suspendByForceEndsThoseThatVetoAndParksTheOthers() throws Exception {
    var good = vela.connect("pr-1");
    var bad = vela.connect("pr-1");
    var worse = vela.connect("pr-1");
    bad.onPrepare = FakeSession.veto("busy");
    worse.onConfirm = FakeSession.veto("busy");

    vela.router.suspend(PR, true);

    assertThat(vela.state("pr-1")).isEqualTo("suspended");
    assertThat(good.calls).containsExactly("prepare", "confirm", "park");
    assertThat(good.ended).isNotDone();
    for (var other : new FakeSession[] {bad, worse}) {
      assertThat(other.ended).isCompletedWithValue(new RouteFailure.SuspendedByHand(PR));
      assertThat(other.calls).endsWith("resume");
    }
  }

  @Test
  void suspendWaitsForATryThatIsUnderWay() throws Exception {
    var session = vela.connect("pr-1");
    var answer = new CompletableFuture<Optional<Veto>>();
    session.onPrepare = () -> answer;
    vela.time.pass(Duration.ofSeconds(60));
    awaitAsked(session);

    var suspending = begin(() -> vela.router.suspend(PR, false));
    assertThat(suspending).isNotDone();
    answer.complete(Optional.empty());

    get(suspending);
    assertThat(vela.state("pr-1")).isEqualTo("suspended");
    assertThat(session.calls).containsExactly("prepare", "confirm", "park");
    assertThat(vela.agent.count("stop")).isEqualTo(1);
  }

  @Test
  void whoComesWhileSessionsAreAskedByHandIsServedByTheStartThatFollows() throws Exception {
    var session = vela.connect("pr-1");
    var answer = new CompletableFuture<Optional<Veto>>();
    session.onPrepare = () -> answer;
    var suspending = begin(() -> vela.router.suspend(PR, false));
    awaitAsked(session);

    var late = vela.ask("pr-1");
    assertThat(vela.router.branch(PR).waiting()).isEqualTo(1);
    answer.complete(Optional.empty());

    get(suspending);
    get(late);
    assertThat(session.count("park")).isEqualTo(1);
    assertThat(vela.agent.count("start")).isEqualTo(2);
  }

  @Test
  void anInstanceThatDiesUnderACrowdThatWaitsIsStartedAgain() throws Exception {
    var session = undecided();
    var suspending = begin(() -> vela.router.suspend(PR, false));
    awaitAsked(session);
    var late = vela.ask("pr-1");

    vela.agent.crash(vela.agent.clones.iterator().next());

    get(late);
    assertThat(session.count("resume")).isEqualTo(1);
    // The branch runs again, for who came: it is put to sleep under him or refused, not forgotten.
    get(suspending.handle((_, _) -> true));
  }

  @Test
  void restartIsNotSeenByWhoIsQuiet() throws Exception {
    var first = vela.connect("pr-1");
    var second = vela.connect("pr-1");

    var view = vela.router.restart(PR, false);

    assertThat(view.state()).isEqualTo("running");
    assertThat(view.parked()).isEqualTo(2);
    assertThat(vela.agent.calls).containsSubsequence("start", "stop", "start");
    assertThat(first.ended).isNotDone();
    vela.wake("pr-1", second);
    assertThat(vela.agent.count("start")).isEqualTo(2);
    assertThat(
            vela.registry
                .counter("vela.branch.suspends", "outcome", "ok", "reason", "restart")
                .count())
        .isEqualTo(1);
  }

  @Test
  void restartWakesWhatSleeps() throws Exception {
    vela.connect("pr-1");
    vela.router.suspend(PR, false);
    assertThat(vela.router.restart(PR, false).state()).isEqualTo("running");
  }

  @Test
  void restartWaitsForWhatIsAtWork() throws Exception {
    var busy = vela.connect("pr-1");
    busy.isAtWork();
    var restarting = begin(() -> vela.router.restart(PR, false));
    vela.time.pass(Duration.ofSeconds(5));
    assertThat(busy.calls).isEmpty();

    busy.isQuiet();
    await()
        .until(
            () -> {
              vela.time.pass(Duration.ofMillis(100));
              return restarting.isDone();
            });

    get(restarting);
    assertThat(busy.count("park")).isEqualTo(1);
    assertThat(vela.agent.count("start")).isEqualTo(2);
  }

  @Test
  void restartGivesUpAfterTheDrainTimeout() throws Exception {
    var quiet = vela.connect("pr-1");
    var busy = vela.connect("pr-1");
    busy.isAtWork();
    busy.onPrepare = FakeSession.veto("busy");
    var restarting = begin(() -> vela.router.restart(PR, false));
    passUntil(restarting);

    assertThat(failure(restarting).detail()).isEqualTo("app 2: busy: a test");
    assertThat(vela.agent.count("stop")).isZero();
    assertThat(quiet.calls).containsExactly("prepare", "resume");

    var forced = begin(() -> vela.router.restart(PR, true));
    passUntil(forced);

    get(forced);
    assertThat(busy.ended).isCompletedWithValue(new RouteFailure.SuspendedByHand(PR));
    assertThat(quiet.ended).isNotDone();
    assertThat(vela.state("pr-1")).isEqualTo("running");
  }

  private void passUntil(CompletableFuture<?> done) {
    await()
        .until(
            () -> {
              vela.time.pass(Duration.ofSeconds(1));
              return done.isDone();
            });
  }

  @Test
  void restartDoesNotWaitForWhatWaitingCannotHelp() throws Exception {
    var temporary = vela.connect("pr-1");
    temporary.onPrepare = FakeSession.veto("temporary-objects");

    assertThat(refusal(() -> vela.router.restart(PR, false)))
        .isInstanceOf(RouteFailure.InUse.class);
  }

  @Test
  void deletingUnderParkedSessionsNeedsForceAndTellsThem() throws Exception {
    var parked = vela.connect("pr-1");
    vela.router.suspend(PR, false);
    assertThat(refusal(() -> vela.router.delete(PR, false)).detail()).isEqualTo("app 1: parked");
    assertThat(parked.ended).isNotDone();

    vela.router.delete(PR, true);

    assertThat(parked.ended).isCompletedWithValue(new RouteFailure.BranchDeleted(PR));
    assertThat(vela.router.branches()).isEmpty();
  }

  @Test
  void deletingByForceCutsATryShort() throws Exception {
    var session = undecided();
    vela.time.pass(Duration.ofSeconds(60));
    awaitAsked(session);

    vela.router.delete(PR, true);

    assertThat(session.calls).containsExactly("prepare", "resume");
    assertThat(session.ended).isCompletedWithValue(new RouteFailure.BranchDeleted(PR));
    assertThat(vela.agent.clones).isEmpty();
  }

  @Test
  void stoppingTellsTheParkedAndCutsATryShort() throws Exception {
    var parked = vela.connect("b");
    vela.router.suspend(new BranchName("b"), false);
    var session = undecided();
    vela.time.pass(Duration.ofSeconds(60));
    awaitAsked(session);

    vela.router.close();

    assertThat(parked.ended).isCompletedWithValue(new RouteFailure.ShuttingDown());
    assertThat(session.ended).isCompletedWithValue(new RouteFailure.ShuttingDown());
    assertThat(vela.agent.running).isEmpty();
  }

  @Test
  void whoeverComesWhenItIsPutToSleepAgainAndAgainIsServed() throws Exception {
    var deeds = new ArrayList<CompletableFuture<Boolean>>();
    for (int client = 0; client < 8; client++) {
      var session = vela.connect("pr-1");
      deeds.add(
          begin(
              () -> {
                for (int i = 0; i < 100; i++) {
                  if (session.activity().state() == State.PARKED) {
                    vela.wake("pr-1", session);
                  }
                  if (ThreadLocalRandom.current().nextInt(4) == 0) {
                    vela.lease("pr-1").close();
                  }
                }
              }));
    }
    deeds.add(
        begin(
            () -> {
              for (int i = 0; i < 100; i++) {
                try {
                  vela.router.suspend(PR, false);
                } catch (RouteException e) {
                  assertThat(e.failure()).isInstanceOf(RouteFailure.InUse.class);
                }
              }
            }));
    deeds.add(
        begin(
            () -> {
              for (int i = 0; i < 30; i++) {
                vela.lease("pr-1").close();
                vela.agent.running.keySet().forEach(vela.agent::crash);
              }
            }));
    for (var deed : deeds) {
      get(deed);
    }
    await().until(() -> vela.isAtRest());
    assertThat(vela.state("pr-1")).isIn("running", "suspended");
    vela.lease("pr-1").close();
  }
}
