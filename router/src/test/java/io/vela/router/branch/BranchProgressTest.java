package io.vela.router.branch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.vela.agent.Activity;
import io.vela.agent.CloneFailure;
import io.vela.agent.CloneFailure.StopTimedOut;
import io.vela.agent.CloneId;
import io.vela.agent.Endpoint;
import io.vela.agent.InstanceExit;
import io.vela.agent.SnapshotId;
import io.vela.agent.StopMode;
import io.vela.config.VelaConfig;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.ManualTime;
import io.vela.router.RouteFailure;
import io.vela.router.Router.BranchSettings;
import io.vela.router.branch.BranchState.Absent;
import io.vela.router.branch.BranchState.Creating;
import io.vela.router.branch.BranchState.Deleting;
import io.vela.router.branch.BranchState.Parking;
import io.vela.router.branch.BranchState.Running;
import io.vela.router.branch.BranchState.Starting;
import io.vela.router.branch.BranchState.Suspended;
import io.vela.router.branch.BranchState.Suspending;
import io.vela.router.branch.BranchState.Trashed;
import io.vela.router.catalog.BranchRow;
import io.vela.router.room.Room;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A word that comes when it cannot be true is an error in Vela: it is refused, not believed. */
class BranchProgressTest {
  private static final Instant T0 = Instant.EPOCH;
  private static final BranchName PR = new BranchName("pr-1");
  private static final Endpoint ENDPOINT = new Endpoint.UnixSocket("/s");
  private static final RouteFailure CAUSE = new RouteFailure.ShuttingDown();
  private static final BranchRow ROW =
      new BranchRow(
          1,
          PR,
          CloneId.random(),
          SnapshotId.random(),
          VelaConfig.MAIN,
          BranchRow.Phase.READY,
          BranchSettings.POLICY,
          T0);

  private static final List<BranchState> STATES =
      List.of(
          new Absent(T0),
          new Creating(VelaConfig.MAIN, 0, T0),
          new Suspended(T0),
          new Starting(0, T0),
          new Running(ENDPOINT, T0),
          new Parking(new Running(ENDPOINT, T0), T0),
          new Suspending("", T0),
          new Starting(0, T0).failed(CAUSE, T0),
          new Deleting(T0),
          new Trashed(T0));

  private static final Map<String, Consumer<BranchProgress>> WORDS =
      Map.of(
          "created", progress -> progress.created(ROW),
          "handedOut",
              progress ->
                  progress.handedOut(
                      new HandedOut(ROW, ENDPOINT, new Room(Optional::empty).occupied())),
          "withdrawn", BranchProgress::withdrawn,
          "createFailed", progress -> progress.createFailed(CAUSE),
          "started", progress -> progress.started(ENDPOINT),
          "startFailed", progress -> progress.startFailed(CAUSE),
          "stopLate",
              progress ->
                  progress.stopLate(
                      new CloneFailure.StopTimedOut(StopMode.FAST, Duration.ZERO, "")),
          "stopped", BranchProgress::stopped);

  private static final Map<String, String> LEGAL_IN =
      Map.of(
          "created", "creating",
          "handedOut", "creating",
          "withdrawn", "starting",
          "createFailed", "creating",
          "started", "starting",
          "startFailed", "starting",
          "stopLate", "suspending",
          "stopped", "suspending");

  record Case(String word, BranchState state) {
    boolean legal() {
      return state.label().equals(LEGAL_IN.get(word));
    }

    @Override
    public String toString() {
      return word + " while " + state.label();
    }
  }

  static Stream<Case> illegal() {
    return all().filter(word -> !word.legal());
  }

  static Stream<Case> legal() {
    return all().filter(Case::legal);
  }

  private static Stream<Case> all() {
    return WORDS.keySet().stream()
        .sorted()
        .flatMap(word -> STATES.stream().map(state -> new Case(word, state)));
  }

  @ParameterizedTest
  @MethodSource("illegal")
  void aWordOutOfTurnIsRefusedAndChangesNothing(Case when) {
    var life = life(when.state());
    assertThatIllegalStateException()
        .isThrownBy(() -> tell(when, life))
        .withMessageContaining("pr-1 is " + when.state().label())
        .withMessageContaining(when.word());
    assertThat(state(life)).isEqualTo(when.state());
  }

  @ParameterizedTest
  @MethodSource("legal")
  void aWordInTurnMovesTheBranchOn(Case when) {
    var life = life(when.state());
    tell(when, life);
    assertThat(state(life)).isNotEqualTo(when.state());
  }

  @ParameterizedTest
  @MethodSource("states")
  void theEndOfAnEarlierInstanceChangesNothing(BranchState state) {
    var life = life(state);
    new BranchProgress(machine(), life, context())
        .exited(41, new InstanceExit(ROW.cloneId(), false, ""));
    assertThat(state(life)).isEqualTo(state);
  }

  @ParameterizedTest
  @MethodSource("awake")
  void theEndOfTheInstanceLeavesItAsleep(BranchState state) {
    var life = life(state);
    new BranchProgress(machine(), life, context())
        .exited(0, new InstanceExit(ROW.cloneId(), false, ""));
    assertThat(state(life).label()).isEqualTo("suspended");
  }

  static Stream<BranchState> awake() {
    return STATES.stream().filter(BranchState::isAwake);
  }

  static List<BranchState> states() {
    return STATES;
  }

  private static void tell(Case when, BranchLife life) {
    var word = WORDS.getOrDefault(when.word(), _ -> {});
    word.accept(new BranchProgress(machine(), life, context()));
  }

  private static BranchState state(BranchLife life) {
    return life.step(BranchLife.Step::state);
  }

  private static BranchLife life(BranchState state) {
    return new BranchLife(machine(), context(), _ -> {}, state, Optional.of(ROW));
  }

  private static BranchMachine machine() {
    return BranchMachine.suspended(ROW, context(), _ -> {});
  }

  @Test
  void whoWaitsForAStopHearsOfItOnceTheListenerHas() {
    var work = new ArrayList<Runnable>();
    var heard = new ArrayList<String>();
    var listener =
        new NobodyListens() {
          @Override
          public void suspended(BranchMachine branch, Reason reason, Outcome outcome) {
            heard.add("listener: " + reason + ", " + outcome);
          }
        };
    var running = new Running(ENDPOINT, T0);
    var life =
        new BranchLife(machine(), context(listener, work::add), _ -> {}, running, Optional.of(ROW));
    life.move(step -> step.beginStop(running.suspend(T0), BranchListener.Reason.SHUTDOWN, CAUSE));
    var stop = life.step(BranchLife.Step::stop).done().thenRun(() -> heard.add("who stopped it"));
    var changed = life.step(BranchLife.Step::changed).thenRun(() -> heard.add("who waited"));

    work.forEach(Runnable::run);

    assertThat(stop).isCompleted();
    assertThat(changed).isCompleted();
    assertThat(heard).containsExactly("listener: shutdown, ok", "who stopped it", "who waited");
  }

  private static BranchContext context() {
    return context(new NobodyListens(), Runnable::run);
  }

  private static BranchContext context(BranchListener listener, Executor threads) {
    return new BranchContext(
        new NoWork(),
        listener,
        threads,
        new ManualTime(),
        new StartPermits(1),
        new Room(Optional::empty),
        () -> Duration.ofSeconds(30),
        Duration.ofSeconds(5));
  }

  /** Nothing here leads to more work than to watch over an instance and to stop it. */
  private static final class NoWork implements BranchWork {
    @Override
    public Optional<HandedOut> handOut(
        BranchName name, BaselineName from, BranchSettings settings) {
      throw new AssertionError();
    }

    @Override
    public BranchRow create(BranchName name, BaselineName from, BranchSettings settings) {
      throw new AssertionError();
    }

    @Override
    public Endpoint start(BranchRow branch) {
      throw new AssertionError();
    }

    @Override
    public CompletionStage<InstanceExit> exit(BranchRow branch) {
      return new CompletableFuture<>();
    }

    @Override
    public Activity activity(BranchRow branch) {
      throw new AssertionError();
    }

    @Override
    public void stop(BranchRow branch) {}

    @Override
    public StopMode stopToDelete(BranchRow branch, Consumer<StopTimedOut> late) {
      throw new AssertionError();
    }

    @Override
    public void condemn(BranchRow branch) {
      throw new AssertionError();
    }

    @Override
    public void destroy(BranchRow branch) {
      throw new AssertionError();
    }
  }

  private static class NobodyListens implements BranchListener {
    @Override
    public void idle(BranchMachine branch, long epoch) {}

    @Override
    public void woke(BranchMachine branch, WakeKind kind, Duration took) {}

    @Override
    public void wakeFailed(BranchMachine branch, BranchState.Failed.Step step, RouteFailure why) {}

    @Override
    public void suspended(BranchMachine branch, Reason reason, Outcome outcome) {}

    @Override
    public void configured(BranchMachine branch) {}

    @Override
    public void parkTried(BranchMachine branch, Reason reason, ParkOutcome outcome) {}

    @Override
    public void deleting(BranchMachine branch, RouteFailure told) {}

    @Override
    public void gone(BranchMachine branch) {}
  }
}
