package io.vela.router.idle;

import io.vela.router.branch.BranchListener.Reason;
import io.vela.router.branch.BranchMachine;
import io.vela.router.branch.BranchStatus;
import io.vela.router.branch.Branches;
import io.vela.router.branch.CoalescedTask;
import io.vela.router.branch.ParkOutcome;
import io.vela.router.branch.Scheduler;
import io.vela.router.room.Room;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes room for branches that wait for it: warm clones are given up first, then the branch goes to
 * sleep that has been unused for longest and in which Postgres itself has nothing to do, then the
 * one whose sessions have been quiet for longest and can be parked.
 *
 * <p>It looks when somebody begins to wait and when a branch becomes unused; and again every second
 * while somebody waits, since quietness comes, and what Postgres does by itself ends, without a
 * word.
 */
public final class RoomMaker implements Room.Maker {
  private static final Logger log = LoggerFactory.getLogger(RoomMaker.class);
  private static final Duration LOOK_AGAIN = Duration.ofSeconds(1);

  /** Sessions that are quiet for a shorter time are taken to be between two requests. */
  private static final Duration QUIET = Duration.ofSeconds(1);

  private final Room room;
  private final IdleSuspender idle;
  private final BooleanSupplier giveUpWarm;
  private final Scheduler scheduler;
  private final CoalescedTask task;

  private volatile Optional<Branches> branches = Optional.empty();

  /** What was found at work in branches that nobody uses, when last looked at. */
  private final Map<BranchMachine, String> busy = new ConcurrentHashMap<>();

  /**
   * @param giveUpWarm gives up one warm clone, if there is one left
   * @param threads a virtual thread a task
   */
  public RoomMaker(
      Room room,
      IdleSuspender idle,
      BooleanSupplier giveUpWarm,
      Scheduler scheduler,
      Executor threads) {
    this.room = room;
    this.idle = idle;
    this.giveUpWarm = giveUpWarm;
    this.scheduler = scheduler;
    this.task = new CoalescedTask(threads, scheduler, this::makeRoom);
  }

  /** From now on among these. */
  public void serve(Branches all) {
    branches = Optional.of(all);
    room.maker(this);
  }

  @Override
  public void wanted() {
    if (room.wanted() > 0) {
      task.due();
    }
  }

  @Override
  public List<String> occupants() {
    return branches.stream()
        .flatMap(all -> all.all().stream())
        .filter(
            branch ->
                switch (branch.state().label()) {
                  case "running", "parking", "starting", "suspending" -> !branch.waitsForRoom();
                  default -> false;
                })
        .map(this::describe)
        .sorted()
        .toList();
  }

  private String describe(BranchStatus branch) {
    var why =
        branch.sessions().isEmpty()
            ? busy.entrySet().stream()
                .filter(entry -> entry.getKey().name().equals(branch.name()))
                .map(Map.Entry::getValue)
                .findFirst()
                .orElse(branch.state().label())
            : branch.sessions().size()
                + " sessions, first "
                + branch.sessions().getFirst().label().description();
    return "branch %s: %s".formatted(branch.name(), why);
  }

  private void makeRoom() {
    busy.clear();
    boolean freed = true;
    while (freed && room.wanted() > 0) {
      freed = giveUpWarm.getAsBoolean() || suspendOne() || parkOne();
    }
    if (room.wanted() > 0) {
      task.dueAfter(LOOK_AGAIN);
    }
  }

  /** Of branches whose sessions are all quiet, the longest quiet sleeps. */
  private boolean parkOne() {
    var now = scheduler.clock().instant();
    for (var quiet : branches.map(Branches::quiet).orElse(List.of())) {
      if (busy.containsKey(quiet.machine())
          || quiet.since().plus(QUIET).isAfter(now)
          || idle.mayTryAt(quiet.use()).isAfter(now)
          || !idle.parks(quiet.use().row())) {
        continue;
      }
      if (room.wanted() == 0) {
        return false;
      }
      try {
        switch (idle.park(quiet.machine(), quiet.use(), Reason.ROOM)) {
          case ParkOutcome.Parked _ -> {
            return true;
          }
          case ParkOutcome.Busy(var uses) -> busy.put(quiet.machine(), uses.getFirst().toString());
          case ParkOutcome.Vetoed(var objections) ->
              busy.put(quiet.machine(), objections.getFirst().toString());
          case ParkOutcome.Failed(var cause) -> busy.put(quiet.machine(), cause);
          case ParkOutcome.Wanted _, ParkOutcome.Moot _ -> {}
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt(); // Only the end of Vela interrupts these threads.
        return false;
      }
    }
    return false;
  }

  private boolean suspendOne() {
    for (var unused : branches.map(Branches::unused).orElse(List.of())) {
      if (busy.containsKey(unused.machine())) {
        continue;
      }
      var uses = idle.uses(unused.row());
      if (!uses.isEmpty()) {
        busy.put(unused.machine(), String.join("; ", uses));
      } else if (room.wanted() > 0 && unused.machine().suspendIfIdle(unused.epoch(), Reason.ROOM)) {
        log.info(
            "branch gives room branch={} clone={} unused-since={}",
            unused.row().name(),
            unused.row().cloneId(),
            unused.since());
        return true;
      }
    }
    return false;
  }
}
