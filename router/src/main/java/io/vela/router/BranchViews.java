package io.vela.router;

import io.vela.agent.Activity;
import io.vela.agent.CloneException;
import io.vela.agent.CloneId;
import io.vela.agent.CloneService;
import io.vela.agent.Contents;
import io.vela.agent.RunningAs;
import io.vela.agent.Usage;
import io.vela.config.Durability;
import io.vela.config.MaxBytes;
import io.vela.config.Network;
import io.vela.config.ParkPolicy;
import io.vela.config.ParkPolicy.OnIdle;
import io.vela.config.VelaConfig;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.Router.BranchView;
import io.vela.router.Router.SessionView;
import io.vela.router.Router.Why;
import io.vela.router.branch.BranchState.Creating;
import io.vela.router.branch.BranchState.Failed;
import io.vela.router.branch.BranchState.Parking;
import io.vela.router.branch.BranchState.Running;
import io.vela.router.branch.BranchState.Starting;
import io.vela.router.branch.BranchState.Suspending;
import io.vela.router.branch.BranchStatus;
import io.vela.router.branch.ParkOutcome;
import io.vela.router.branch.ParkTry;
import io.vela.router.catalog.BranchRow;
import io.vela.router.idle.IdleSuspender;
import io.vela.router.room.Room;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Branches as people and programs are shown them. */
final class BranchViews {
  private static final Logger log = LoggerFactory.getLogger(BranchViews.class);

  private final CloneService agent;
  private final RoleContents contents;
  private final IdleSuspender idle;
  private final Room room;
  private final SessionDirectory attendance;
  private final UnaryOperator<Instant> shown;
  private final Function<BranchRow, Duration> suspendAfter;
  private final Function<BranchRow, ParkPolicy> parking;
  private final Function<BaselineName, MaxBytes> maxBytes;
  private final Function<BranchRow, Durability> durability;
  private final Function<BaselineName, Network> network;
  private final Function<CloneId, Optional<RouteFailure.BranchFull>> full;

  /**
   * @param shown an instant as the clock on the wall has it
   */
  BranchViews(
      CloneService agent,
      RoleContents contents,
      IdleSuspender idle,
      Room room,
      SessionDirectory attendance,
      UnaryOperator<Instant> shown,
      Function<BranchRow, Duration> suspendAfter,
      Function<BranchRow, ParkPolicy> parking,
      Function<BaselineName, MaxBytes> maxBytes,
      Function<BranchRow, Durability> durability,
      Function<BaselineName, Network> network,
      Function<CloneId, Optional<RouteFailure.BranchFull>> full) {
    this.agent = agent;
    this.contents = contents;
    this.idle = idle;
    this.room = room;
    this.attendance = attendance;
    this.shown = shown;
    this.suspendAfter = suspendAfter;
    this.parking = parking;
    this.maxBytes = maxBytes;
    this.durability = durability;
    this.network = network;
    this.full = full;
  }

  BranchView view(BranchStatus branch) {
    var state = branch.state();
    if (branch.row().isEmpty()) {
      var baseline = state instanceof Creating creating ? creating.from() : VelaConfig.MAIN;
      return new BranchView(
          branch.name(),
          "",
          baseline,
          "",
          state.label(),
          shown.apply(state.since()),
          shown.apply(state.since()),
          Duration.ZERO,
          ParkPolicy.DEFAULT,
          MaxBytes.DEFAULT,
          agent.network(network.apply(baseline)),
          0,
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
        shown.apply(state.since()),
        row.createdAt(),
        suspendAfter.apply(row),
        parking.apply(row),
        maxBytes(row),
        agent
            .runningAs(row.cloneId())
            .map(RunningAs::network)
            .orElseGet(() -> agent.network(network.apply(row.baseline()))),
        branch.sessions().size(),
        parked(branch),
        branch.waiting(),
        detail(branch),
        target.map(DefaultTarget::role).orElse(""),
        target.map(DefaultTarget::database).orElse(""));
  }

  private MaxBytes maxBytes(BranchRow row) {
    var policy = maxBytes.apply(row.baseline());
    var own = row.settings().maxBytes();
    if (own.isEmpty()) {
      return policy;
    }
    try {
      return row.settings().within(policy, agent.pool().totalBytes());
    } catch (CloneException e) {
      log.debug("pool not measured", e);
      return own.get();
    }
  }

  private Optional<DefaultTarget> target(BranchRow row) {
    try {
      return Optional.of(DefaultTarget.of(contents.of(row.cloneId())));
    } catch (CloneException e) {
      log.debug("contents unknown branch={} clone={}", row.name(), row.cloneId(), e);
      return Optional.empty();
    }
  }

  private String detail(BranchStatus branch) {
    return switch (branch.state()) {
      case Failed failed ->
          failed.cause().detail().isEmpty()
              ? failed.cause().message()
              : failed.cause().message() + "\n" + failed.cause().detail();
      case Suspending suspending -> suspending.trouble();
      default -> full(branch).map(RouteFailure::message).orElse("");
    };
  }

  private Optional<RouteFailure.BranchFull> full(BranchStatus branch) {
    return branch.row().map(BranchRow::cloneId).flatMap(full);
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

  List<SessionView> sessions(BranchName branch, List<BranchSession> sessions) {
    return sessions.stream().map(session -> session(branch, session)).toList();
  }

  private SessionView session(BranchName branch, BranchSession session) {
    var activity = session.activity();
    return new SessionView(
        session.label().id(),
        branch,
        session.label().description(),
        activity.state().toString(),
        shown.apply(activity.since()),
        activity.quietSince().map(shown),
        activity.veto());
  }

  private int parked(BranchStatus branch) {
    return (int)
        attendance.of(branch.name()).stream()
            .filter(session -> session.activity().state() == BranchSession.State.PARKED)
            .count();
  }

  /** Asks a running branch what it is doing now; blocks. */
  Why why(BranchStatus branch) {
    var reasons = new ArrayList<String>();
    branch.sessions().forEach(session -> reasons.add(describe(session)));
    if (branch.waiting() > 0) {
      reasons.add(branch.waiting() + " waiting for it to run");
    }
    if (branch.waitsForRoom()) {
      reasons.addAll(room.occupants());
    }
    full(branch)
        .ifPresent(
            it -> reasons.add(it.message() + "; who makes it grow is ended (53100). " + it.hint()));
    if (branch.state() instanceof Failed failed) {
      // What the summary does not hold: the last lines of Postgres's log.
      failed.cause().detail().lines().skip(1).filter(line -> !line.isBlank()).forEach(reasons::add);
    }
    Optional<Instant> sleepsAt = Optional.empty();
    if (branch.state().isAwake() && branch.row().isPresent()) {
      reasons.addAll(activity(branch));
      if (!branch.sessions().isEmpty()) {
        branch.lastTry().flatMap(this::describe).ifPresent(reasons::add);
      }
      sleepsAt =
          idle.plan(branch.row().get().cloneId()).flatMap(IdleSuspender.Plan::sleepsAt).map(shown);
    }
    return new Why(
        branch.name(),
        branch.state().label(),
        summary(branch, reasons, sleepsAt) + parkedToo(branch),
        reasons,
        sleepsAt,
        branch.row().flatMap(this::promise),
        reach(branch));
  }

  private String reach(BranchStatus branch) {
    var asked = network.apply(branch.row().map(BranchRow::baseline).orElse(VelaConfig.MAIN));
    var next = agent.network(asked);
    var now = running(branch.row()).map(RunningAs::network).orElse(next);
    var reaches =
        switch (now) {
          case NONE -> "none: its processes reach nothing outside the branch";
          case HOST ->
              "host: its processes reach what the host reaches"
                  + (next == asked ? " (policy)" : ", since branches are not locked in here");
        };
    return now == next ? reaches : now + fromNextStart(next.toString());
  }

  private Optional<RunningAs> running(Optional<BranchRow> row) {
    return row.map(BranchRow::cloneId).flatMap(agent::runningAs);
  }

  private static String fromNextStart(String policy) {
    return "; it was started with that, and its policy has %s from the next start on"
        .formatted(policy);
  }

  /** What was asked for, and what a commit promises for that in the branch's volume. */
  private Optional<String> promise(BranchRow row) {
    var asked = durability.apply(row);
    try {
      var next = agent.durability(row.cloneId(), asked);
      var now = running(Optional.of(row)).map(RunningAs::durability).orElse(next);
      if (now != next) {
        return Optional.of(now.label() + ": " + now.promise() + fromNextStart(asked.label()));
      }
      return Optional.of(
          now == asked
              ? asked.label() + ": " + asked.promise()
              : "%s, kept as %s, since its files are not flushed together: %s"
                  .formatted(asked.label(), now.label(), now.promise()));
    } catch (CloneException e) {
      log.debug("durability unknown clone={}", row.cloneId(), e);
      return Optional.empty();
    }
  }

  private String parkedToo(BranchStatus branch) {
    int parked = parked(branch);
    return switch (parked) {
      case 0 -> "";
      case 1 -> " One session is parked.";
      default -> " %d sessions are parked.".formatted(parked);
    };
  }

  private String describe(BranchSession session) {
    var activity = session.activity();
    return "session %s: %s since %s%s%s"
        .formatted(
            session.label().description(),
            activity.state(),
            shown.apply(activity.since()),
            activity.quietSince().map(shown).map(since -> ", quiet since " + since).orElse(""),
            activity.veto().map(veto -> "; cannot be parked: " + veto).orElse(""));
  }

  /** Why it is still awake; empty where that is no question. */
  private Optional<String> describe(ParkTry last) {
    var tried = "last try to park, at " + shown.apply(last.at()) + ": ";
    return switch (last.outcome()) {
      case ParkOutcome.Vetoed(var objections) -> Optional.of(tried + joined(objections));
      case ParkOutcome.Busy(var uses) -> Optional.of(tried + joined(uses));
      case ParkOutcome.Failed(var cause) -> Optional.of(tried + cause);
      case ParkOutcome.Wanted(var who) -> Optional.of(tried + who.description() + " came");
      case ParkOutcome.Parked _, ParkOutcome.Moot _ -> Optional.empty();
    };
  }

  private static String joined(List<?> things) {
    return things.stream().map(Object::toString).collect(Collectors.joining("; "));
  }

  private List<String> activity(BranchStatus branch) {
    var clone = branch.row().orElseThrow().cloneId();
    try {
      return agent.activity(clone).uses().stream()
          // The backends of sessions are theirs, who are named already.
          .filter(use -> branch.sessions().isEmpty() || !use.isClientBackend())
          .map(Activity.Use::toString)
          .toList();
    } catch (CloneException e) {
      log.debug("activity unknown clone={}", clone, e);
      return idle.plan(clone).map(IdleSuspender.Plan::busyWith).orElse(List.of());
    }
  }

  private String summary(BranchStatus branch, List<String> reasons, Optional<Instant> sleepsAt) {
    return switch (branch.state()) {
      case Starting _ when branch.waitsForRoom() -> waitsForRoom(room.occupancy());
      case Running _ when !branch.sessions().isEmpty() -> inUse(branch, sleepsAt);
      case Running _ when !reasons.isEmpty() ->
          "Awake: Postgres itself is at work; looked at again at "
              + sleepsAt.map(Instant::toString).orElse("once")
              + ".";
      case Running _ ->
          "Awake, not used: sleeps at " + sleepsAt.map(Instant::toString).orElse("once") + ".";
      case Parking _ -> "Its sessions are asked to park, so that it can sleep.";
      case Suspending suspending ->
          suspending.trouble().isEmpty()
              ? "Being put to sleep."
              : "Being stopped, later than it should: " + suspending.trouble() + ".";
      case Failed failed -> summary(failed);
      case Creating _ -> "Being created.";
      default -> "It is " + branch.state().label() + ".";
    };
  }

  private String inUse(BranchStatus branch, Optional<Instant> sleepsAt) {
    var use = "Awake: %d sessions use it".formatted(branch.sessions().size());
    var onIdle = branch.row().map(parking).map(ParkPolicy::onIdle).orElse(OnIdle.PARK);
    return switch (onIdle) {
      case STAY_AWAKE -> use + ", and it stays awake while they do (on-idle).";
      case PARK ->
          sleepsAt
              .map(at -> use + " and are quiet: they are asked to park at " + at + ".")
              .orElse(use + ".");
      case DISCONNECT ->
          sleepsAt
              .map(at -> use + " and are quiet: they are ended at " + at + " (on-idle).")
              .orElse(use + ".");
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
      case ADOPT ->
          "The Postgres that an earlier Vela left could not be taken over: "
              + cause
              + ". It is tried again when somebody connects; deleting the branch ends it.";
      case MISSING -> "Its data was not found when Vela started: " + cause + ".";
      case DESTROY ->
          "Its deletion was begun and is not finished: "
              + cause
              + ". Delete it again; else the next start of Vela finishes it.";
    };
  }
}
