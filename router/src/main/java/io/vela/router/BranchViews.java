package io.vela.router;

import io.vela.agent.CloneException;
import io.vela.agent.CloneService;
import io.vela.agent.Contents;
import io.vela.agent.Usage;
import io.vela.router.Router.BranchView;
import io.vela.router.Router.Why;
import io.vela.router.branch.BranchState.Creating;
import io.vela.router.branch.BranchState.Failed;
import io.vela.router.branch.BranchState.Running;
import io.vela.router.branch.BranchState.Starting;
import io.vela.router.branch.BranchState.Suspending;
import io.vela.router.branch.BranchStatus;
import io.vela.router.catalog.BranchRow;
import io.vela.router.idle.IdleSuspender;
import io.vela.router.room.Room;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Branches as people and programs are shown them. */
final class BranchViews {
  private static final Logger log = LoggerFactory.getLogger(BranchViews.class);

  private final CloneService agent;
  private final RoleContents contents;
  private final IdleSuspender idle;
  private final Room room;
  private final Function<BranchRow, Duration> suspendAfter;

  BranchViews(
      CloneService agent,
      RoleContents contents,
      IdleSuspender idle,
      Room room,
      Function<BranchRow, Duration> suspendAfter) {
    this.agent = agent;
    this.contents = contents;
    this.idle = idle;
    this.room = room;
    this.suspendAfter = suspendAfter;
  }

  BranchView view(BranchStatus branch) {
    var state = branch.state();
    if (branch.row().isEmpty()) {
      var baseline =
          state instanceof Creating creating ? creating.from() : io.vela.config.VelaConfig.MAIN;
      return new BranchView(
          branch.name(),
          "",
          baseline,
          "",
          state.label(),
          state.since(),
          state.since(),
          Duration.ZERO,
          0,
          branch.waiting(),
          detail(branch),
          "",
          "");
    }
    var row = branch.row().get();
    var target = target(row);
    return new BranchView(
        branch.name(),
        row.cloneId().value(),
        row.baseline(),
        row.snapshot().value(),
        state.label(),
        state.since(),
        row.createdAt(),
        suspendAfter.apply(row),
        branch.sessions().size(),
        branch.waiting(),
        detail(branch),
        target.map(DefaultTarget::role).orElse(""),
        target.map(DefaultTarget::database).orElse(""));
  }

  private Optional<DefaultTarget> target(BranchRow row) {
    try {
      return Optional.of(DefaultTarget.of(contents.of(row.cloneId())));
    } catch (CloneException e) {
      log.debug("contents unknown branch={} clone={}", row.name(), row.cloneId(), e);
      return Optional.empty();
    }
  }

  private static String detail(BranchStatus branch) {
    return switch (branch.state()) {
      case Failed failed ->
          failed.cause().detail().isEmpty()
              ? failed.cause().message()
              : failed.cause().message() + "\n" + failed.cause().detail();
      case Suspending suspending -> suspending.trouble();
      default -> "";
    };
  }

  Contents contents(BranchRow row) throws RouteException {
    try {
      return contents.of(row.cloneId());
    } catch (CloneException e) {
      throw new RouteException(
          new RouteFailure.AgentFailed(
              "the roles of branch \"" + row.name() + "\" could not be read", e.failure()),
          e);
    }
  }

  Usage usage(BranchRow row) throws RouteException {
    try {
      return agent.usage(row.cloneId());
    } catch (CloneException e) {
      throw new RouteException(
          new RouteFailure.AgentFailed(
              "branch \"" + row.name() + "\" could not be measured", e.failure()),
          e);
    }
  }

  /** Asks a running branch what it is doing now; blocks. */
  Why why(BranchStatus branch) {
    var reasons = new ArrayList<String>();
    branch.sessions().forEach(session -> reasons.add("session " + session.description()));
    if (branch.waiting() > 0) {
      reasons.add(branch.waiting() + " waiting for it to run");
    }
    if (branch.waitsForRoom()) {
      reasons.addAll(room.occupants());
    }
    Optional<Instant> sleepsAt = Optional.empty();
    if (branch.state() instanceof Running && branch.row().isPresent()) {
      var clone = branch.row().get().cloneId();
      reasons.addAll(activity(branch));
      if (branch.sessions().isEmpty()) {
        sleepsAt = idle.plan(clone).map(IdleSuspender.Plan::sleepsAt);
      }
    }
    return new Why(
        branch.name(),
        branch.state().label(),
        summary(branch, reasons, sleepsAt),
        reasons,
        sleepsAt);
  }

  private List<String> activity(BranchStatus branch) {
    if (!branch.sessions().isEmpty()) {
      return List.of(); // Its backends are those of the sessions that are named already.
    }
    var clone = branch.row().orElseThrow().cloneId();
    try {
      return agent.activity(clone).uses().stream().map(IdleSuspender::describe).toList();
    } catch (CloneException e) {
      log.debug("activity unknown clone={}", clone, e);
      return idle.plan(clone).map(IdleSuspender.Plan::busyWith).orElse(List.of());
    }
  }

  private String summary(BranchStatus branch, List<String> reasons, Optional<Instant> sleepsAt) {
    return switch (branch.state()) {
      case Starting _ when branch.waitsForRoom() -> waitsForRoom(room.occupancy());
      case Running _ when !branch.sessions().isEmpty() ->
          "Awake: %d sessions use it.".formatted(branch.sessions().size());
      case Running _ when !reasons.isEmpty() ->
          "Awake: Postgres itself is at work; looked at again at "
              + sleepsAt.map(Instant::toString).orElse("once")
              + ".";
      case Running _ ->
          "Awake, not used: sleeps at " + sleepsAt.map(Instant::toString).orElse("once") + ".";
      case Suspending suspending ->
          suspending.trouble().isEmpty()
              ? "Being put to sleep."
              : "Being put to sleep, later than it should: " + suspending.trouble() + ".";
      case Failed failed -> summary(failed);
      case Creating _ -> "Being created.";
      default -> "It is " + branch.state().label() + ".";
    };
  }

  private static String waitsForRoom(Room.Occupancy occupancy) {
    return "Waits for room: %d branches run, %s; %d wait."
        .formatted(
            occupancy.running(),
            occupancy
                .bound()
                .map(bound -> "%d may (%s)".formatted(bound.instances(), bound.setting()))
                .orElse("any number may"),
            occupancy.waiting());
  }

  private static String summary(Failed failed) {
    var cause =
        failed
            .cause()
            .detail()
            .lines()
            .findFirst()
            .map(line -> failed.cause().message() + " (" + line + ")")
            .orElse(failed.cause().message());
    return switch (failed.step()) {
      case CREATE -> "It could not be created: " + cause + ".";
      case START -> "It could not be started: " + cause + ".";
      case MISSING -> "Its data was not found when Vela started: " + cause + ".";
      case DESTROY ->
          "Its deletion was begun and is not finished: "
              + cause
              + ". Delete it again; else the next start of Vela finishes it.";
    };
  }
}
