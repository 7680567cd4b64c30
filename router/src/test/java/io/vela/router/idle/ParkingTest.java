package io.vela.router.idle;

import static io.vela.router.RouterFixture.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.agent.Activity;
import io.vela.config.BranchPolicy;
import io.vela.config.Durability;
import io.vela.config.ParkPolicy;
import io.vela.config.ParkPolicy.OnIdle;
import io.vela.config.VelaConfig;
import io.vela.config.value.BranchName;
import io.vela.router.FakeSession;
import io.vela.router.RouteFailure;
import io.vela.router.Router.BranchSettings;
import io.vela.router.RouterFixture;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A branch sleeps while its clients stay connected. */
@Timeout(60)
class ParkingTest {
  private static final BranchName PR = new BranchName("pr-1");
  private static final Activity.Use AUTOVACUUM =
      new Activity.Use("autovacuum worker", 7, "vacuum of t");
  private RouterFixture vela;

  @BeforeEach
  void open() throws Exception {
    vela = new RouterFixture();
  }

  @AfterEach
  void close() {
    vela.close();
  }

  private void onIdle(OnIdle what) {
    var park = ParkPolicy.DEFAULT;
    vela.policy(
        new BranchPolicy(
            List.of("*"),
            Duration.ofSeconds(60),
            Durability.RELAXED,
            false,
            0,
            new ParkPolicy(
                what, park.parkAfter(), park.answerPings(), park.pings(), park.unseenSettings())));
  }

  private void awaitState(String state) {
    await().until(() -> vela.state("pr-1").equals(state));
  }

  /** Time passes in steps, so that what each look plans comes due as well. */
  private void pass(Duration time) {
    for (long left = time.toSeconds(); left > 0; left -= 5) {
      vela.time.pass(Duration.ofSeconds(Math.min(left, 5)));
      settle();
    }
  }

  /** Whatever was begun is decided: nobody is being asked. */
  private void settle() {
    await()
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(1))
        .until(() -> vela.isAtRest());
  }

  private double parks(String outcome) {
    return vela.registry.counter("vela.branch.parks", "outcome", outcome).count();
  }

  @Test
  void aBranchWhoseSessionsAreAllQuietSleepsAndTheyStayConnected() throws Exception {
    var first = vela.connect("pr-1");
    vela.time.pass(Duration.ofSeconds(10));
    var second = vela.connect("pr-1");
    pass(Duration.ofSeconds(55));
    assertThat(vela.state("pr-1")).isEqualTo("running");
    assertThat(vela.router.why(PR).sleepsAt()).contains(vela.time.clock().instant().plusSeconds(5));

    pass(Duration.ofSeconds(6));

    awaitState("suspended");
    for (var session : List.of(first, second)) {
      assertThat(session.calls).containsExactly("prepare", "confirm", "park");
      assertThat(session.ended).isNotDone();
    }
    assertThat(vela.router.branch(PR).parked()).isEqualTo(2);
    assertThat(vela.router.branch(PR).sessions()).isZero();
    assertThat(vela.router.why(PR).summary()).isEqualTo("It is suspended. 2 sessions are parked.");
    assertThat(parks("parked")).isEqualTo(1);
    assertThat(
            vela.registry
                .counter("vela.branch.suspends", "outcome", "ok", "reason", "idle")
                .count())
        .isEqualTo(1);

    vela.wake("pr-1", first);
    assertThat(vela.state("pr-1")).isEqualTo("running");
    assertThat(vela.router.branch(PR).parked()).isEqualTo(1);
    pass(Duration.ofSeconds(61));
    awaitState("suspended");
  }

  @Test
  void oneThatIsAtWorkKeepsItAwakeUntilItHasBeenQuietForItsTime() throws Exception {
    vela.connect("pr-1");
    var busy = vela.connect("pr-1");
    busy.isAtWork();
    pass(Duration.ofMinutes(10));
    assertThat(vela.state("pr-1")).isEqualTo("running");
    assertThat(busy.calls).isEmpty();
    assertThat(vela.router.why(PR).sleepsAt()).isEmpty();
    assertThat(vela.router.why(PR).summary()).isEqualTo("Awake: 2 sessions use it.");

    busy.isQuiet();
    pass(Duration.ofSeconds(55));
    assertThat(vela.state("pr-1")).isEqualTo("running");
    pass(Duration.ofSeconds(10));
    awaitState("suspended");
  }

  @Test
  void aVetoLeavesNoTraceAndIsTold() throws Exception {
    var other = vela.connect("pr-1");
    var temporary = vela.connect("pr-1");
    temporary.onPrepare = FakeSession.veto("temporary-objects");
    var before = vela.router.branch(PR);

    pass(Duration.ofSeconds(61));

    await().until(() -> parks("vetoed") == 1);
    settle();
    assertThat(vela.router.branch(PR)).isEqualTo(before);
    assertThat(other.calls).containsExactly("prepare", "resume");
    assertThat(temporary.calls).containsExactly("prepare", "resume");
    assertThat(vela.agent.count("stop")).isZero();
    assertThat(vela.router.why(PR).reasons())
        .anyMatch(reason -> reason.endsWith("app 2: temporary-objects: a test"));
    assertThat(vela.router.why(PR).summary()).contains("they are asked to park at ");
  }

  @Test
  void aVetoAtTheLastMomentIsAVetoToo() throws Exception {
    var session = vela.connect("pr-1");
    session.onConfirm = FakeSession.veto("busy");
    pass(Duration.ofSeconds(61));
    await().until(() -> session.count("resume") == 1);
    assertThat(session.calls).containsExactly("prepare", "confirm", "resume");
    settle();
    assertThat(vela.state("pr-1")).isEqualTo("running");
  }

  @Test
  void theBreakAfterVetoesGrowsToSixteenTimes() throws Exception {
    var session = vela.connect("pr-1");
    session.onPrepare = FakeSession.veto("temporary-objects");
    // After 1, 2, 4, 8, 16 and 32 minutes, then every 16.
    pass(Duration.ofMinutes(31));
    assertThat(session.count("prepare")).isEqualTo(5);
    pass(Duration.ofMinutes(2));
    assertThat(session.count("prepare")).isEqualTo(6);
    pass(Duration.ofMinutes(14));
    assertThat(session.count("prepare")).isEqualTo(6);
    pass(Duration.ofMinutes(2));
    assertThat(session.count("prepare")).isEqualTo(7);

    session.onPrepare = FakeSession::ready;
    pass(Duration.ofMinutes(17));
    awaitState("suspended");
  }

  @Test
  void theBreakIsOverWhenSessionsChange() throws Exception {
    var stays = vela.connect("pr-1");
    var goes = vela.connect("pr-1");
    goes.onPrepare = FakeSession.veto("temporary-objects");
    pass(Duration.ofMinutes(20));
    assertThat(stays.count("prepare")).isEqualTo(5);

    goes.disconnect();
    pass(Duration.ofSeconds(20));

    awaitState("suspended");
  }

  @Test
  void whoDoesNotAnswerInTimeIsAsGoodAsAVeto() throws Exception {
    var silent = vela.connect("pr-1");
    silent.onPrepare = CompletableFuture::new;
    vela.time.pass(Duration.ofSeconds(61));
    awaitState("parking");
    await().until(() -> silent.count("prepare") == 1);
    vela.time.pass(Duration.ofSeconds(5));
    assertThat(vela.state("pr-1")).isEqualTo("parking");
    vela.time.pass(Duration.ofSeconds(6));

    awaitState("running");
    assertThat(silent.calls).containsExactly("prepare", "resume");
    await().until(() -> parks("failed") == 1);
  }

  @Test
  void whoComesWhileTheyAreAskedIsServedAtOnceAndNobodyIsParked() throws Exception {
    var session = vela.connect("pr-1");
    session.onPrepare = CompletableFuture::new;
    vela.time.pass(Duration.ofSeconds(61));
    await().until(() -> session.count("prepare") == 1);

    vela.lease("pr-1");

    assertThat(vela.state("pr-1")).isEqualTo("running");
    assertThat(session.calls).containsExactly("prepare", "resume");
    assertThat(vela.agent.count("start")).isEqualTo(1);
  }

  @Test
  void whoComesWhenTheyAreParkedKeepsItAwake() throws Exception {
    var session = vela.connect("pr-1");
    var hold = new AtomicReference<CountDownLatch>();
    session.onConfirm =
        () -> {
          hold.set(vela.agent.hold("activity"));
          return FakeSession.ready();
        };
    vela.time.pass(Duration.ofSeconds(61));
    await().until(() -> vela.agent.count("activity") == 2);
    var late = vela.ask("pr-1");
    assertThat(late).isNotDone();
    hold.get().countDown();

    get(late);
    assertThat(vela.state("pr-1")).isEqualTo("running");
    assertThat(session.calls).containsExactly("prepare", "confirm", "park");
    assertThat(vela.agent.count("start")).isEqualTo(1);
    assertThat(vela.agent.count("stop")).isZero();
  }

  @Test
  void whoComesWhenItStopsIsServedByTheOneStartThatFollows() throws Exception {
    var session = vela.connect("pr-1");
    var hold = vela.agent.hold("stop");
    vela.time.pass(Duration.ofSeconds(61));
    await().until(() -> vela.agent.count("stop") == 1);
    var late = vela.ask("pr-1");
    var later = vela.ask("pr-1");
    hold.countDown();

    get(late);
    get(later);
    vela.wake("pr-1", session);
    assertThat(vela.agent.count("start")).isEqualTo(2);
  }

  @Test
  void oneThatEndsMeanwhileIsInNobodysWay() throws Exception {
    var stays = vela.connect("pr-1");
    var goes = vela.connect("pr-1");
    goes.onPrepare = CompletableFuture::new;
    vela.time.pass(Duration.ofSeconds(61));
    await().until(() -> goes.count("prepare") == 1);

    goes.disconnect();

    awaitState("suspended");
    assertThat(stays.calls).containsExactly("prepare", "confirm", "park");
  }

  @Test
  void anInstanceThatDiesWhileTheyAreAskedIsToldAndStartedAgain() throws Exception {
    var session = vela.connect("pr-1");
    session.onPrepare = CompletableFuture::new;
    vela.time.pass(Duration.ofSeconds(61));
    await().until(() -> session.count("prepare") == 1);

    vela.agent.crash(vela.agent.clones.iterator().next());

    awaitState("suspended");
    await().until(() -> session.count("resume") == 1);
    await().until(() -> parks("failed") == 1);
    vela.lease("pr-1");
    assertThat(vela.agent.count("start")).isEqualTo(2);
  }

  @Test
  void whatPostgresDoesByItselfIsUseAndNobodyIsAsked() throws Exception {
    vela.agent.uses =
        List.of(
            new Activity.Use("client backend", 5, "app"),
            new Activity.Use("walsender", 42, "streaming to laptop"));
    var session = vela.connect("pr-1");
    pass(Duration.ofSeconds(61));
    await().until(() -> parks("vetoed") == 1);
    assertThat(session.calls).isEmpty();
    assertThat(vela.router.why(PR).reasons())
        .contains("walsender (pid 42): streaming to laptop")
        .noneMatch(reason -> reason.startsWith("client backend"));

    vela.agent.uses = List.of();
    pass(Duration.ofSeconds(16));
    awaitState("suspended");
  }

  @Test
  void whatPostgresBeginsMeanwhileKeepsItAwakeAndTheParkedParked() throws Exception {
    var session = vela.connect("pr-1");
    session.onConfirm =
        () -> {
          vela.agent.uses = List.of(AUTOVACUUM);
          return FakeSession.ready();
        };
    vela.time.pass(Duration.ofSeconds(61));
    await().until(() -> session.count("park") == 1);
    awaitState("running");
    assertThat(vela.router.branch(PR).parked()).isEqualTo(1);

    vela.agent.uses = List.of();
    pass(Duration.ofSeconds(80));

    awaitState("suspended");
    assertThat(session.count("park")).isEqualTo(1);
  }

  @Test
  void theBackendsOfTheParkedHaveAMomentToEnd() throws Exception {
    var session = vela.connect("pr-1");
    session.onConfirm =
        () -> {
          vela.agent.uses = List.of(new Activity.Use("client backend", 5, "app"));
          return FakeSession.ready();
        };
    // To the moment: what is waited for from here on is still to come.
    vela.time.pass(Duration.ofSeconds(60));
    await().until(() -> vela.agent.count("activity") == 2);
    vela.agent.uses = List.of();
    await()
        .until(
            () -> {
              vela.time.pass(Duration.ofMillis(5));
              return vela.state("pr-1").equals("suspended");
            });
  }

  @Test
  void thePolicyMayEndQuietSessionsInstead() throws Exception {
    onIdle(OnIdle.DISCONNECT);
    var first = vela.connect("pr-1");
    var busy = vela.connect("pr-1");
    busy.isAtWork();
    pass(Duration.ofMinutes(10));
    assertThat(first.ended).isNotDone();

    busy.isQuiet();
    pass(Duration.ofSeconds(80));

    awaitState("suspended");
    var told = new RouteFailure.IdleDisconnected(PR, Duration.ofSeconds(60));
    assertThat(first.ended).isCompletedWithValue(told);
    assertThat(busy.ended).isCompletedWithValue(told);
    assertThat(first.calls).isEmpty();
  }

  @Test
  void thePolicyMayLeaveItAwake() throws Exception {
    onIdle(OnIdle.STAY_AWAKE);
    var session = vela.connect("pr-1");
    pass(Duration.ofMinutes(10));
    assertThat(vela.state("pr-1")).isEqualTo("running");
    assertThat(session.calls).isEmpty();
    assertThat(vela.router.why(PR).summary()).contains("stays awake");

    session.disconnect();
    pass(Duration.ofSeconds(61));
    awaitState("suspended");
  }

  @Test
  void aBranchMayHaveItsOwnWayAndChangeIt() throws Exception {
    var own =
        new BranchSettings(
            Optional.of(Duration.ofSeconds(30)),
            Optional.of(OnIdle.STAY_AWAKE),
            Optional.of(Duration.ofSeconds(5)));
    vela.router.createBranch(PR, VelaConfig.MAIN, own);
    var parking = vela.router.parking(vela.target("app", "app@pr-1"));
    assertThat(parking.onIdle()).isEqualTo(OnIdle.STAY_AWAKE);
    assertThat(parking.parkAfter()).contains(Duration.ofSeconds(5));
    assertThat(parking.pings()).isEqualTo(ParkPolicy.DEFAULT.pings());
    vela.connect("pr-1");
    pass(Duration.ofMinutes(5));
    assertThat(vela.state("pr-1")).isEqualTo("running");

    var changed = vela.router.configure(PR, BranchSettings.POLICY);

    assertThat(changed.parking()).isEqualTo(ParkPolicy.DEFAULT);
    assertThat(vela.catalog.branches.values())
        .singleElement()
        .extracting(row -> row.settings())
        .isEqualTo(BranchSettings.POLICY);
    pass(Duration.ofSeconds(20));
    awaitState("suspended");
  }

  @Test
  void sessionsAreListedWithWhatTheyAreAt() throws Exception {
    var first = vela.connect("pr-1");
    var busy = vela.connect("pr-1");
    vela.connect("b");
    vela.router.suspend(new BranchName("b"), false);
    busy.isAtWork();

    assertThat(vela.router.sessions())
        .extracting(view -> view.branch() + " " + view.description() + " " + view.state())
        .containsExactly("b app 3 parked", "pr-1 app 1 idle", "pr-1 app 2 active");
    assertThat(vela.router.sessions(PR)).extracting(view -> view.id()).containsExactly(1L, 2L);
    assertThat(vela.router.sessions(PR).getFirst().quietSince())
        .isEqualTo(first.activity().quietSince());
    vela.router.ended(PR, first);
    assertThat(vela.router.sessions(PR)).hasSize(1);
  }

  @Test
  void whyNamesEachSessionAndSinceWhenItIsQuiet() throws Exception {
    vela.connect("pr-1");
    vela.connect("pr-1").isAtWork();

    assertThat(vela.router.why(PR).reasons())
        .containsExactly(
            "session app 1: idle since 2026-11-22T00:00:00Z, quiet since 2026-11-22T00:00:00Z",
            "session app 2: active since 2026-11-22T00:00:00Z");
  }
}
