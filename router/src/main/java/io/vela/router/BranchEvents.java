package io.vela.router;

import io.vela.router.branch.BranchListener;
import io.vela.router.branch.BranchMachine;
import io.vela.router.branch.BranchState;
import io.vela.router.branch.ParkOutcome;
import io.vela.router.catalog.Catalog;
import io.vela.router.catalog.Event;
import io.vela.router.idle.IdleSuspender;
import io.vela.router.room.Room;
import java.time.Duration;

/** Passes on what branches do: to the idle alarms, the metrics and the audit. */
final class BranchEvents implements BranchListener {
  private final Catalog catalog;
  private final IdleSuspender idle;
  private final RouterMetrics metrics;
  private final Room.Maker room;
  private final SessionDirectory attendance;

  BranchEvents(
      Catalog catalog,
      IdleSuspender idle,
      RouterMetrics metrics,
      Room.Maker room,
      SessionDirectory attendance) {
    this.catalog = catalog;
    this.idle = idle;
    this.metrics = metrics;
    this.room = room;
    this.attendance = attendance;
  }

  @Override
  public void idle(BranchMachine branch, long epoch) {
    idle.watch(branch);
    room.wanted();
  }

  @Override
  public void woke(BranchMachine branch, WakeKind kind, Duration took) {
    idle.watch(branch);
    metrics.woke(kind, took);
    branch.status().row().ifPresent(row -> metrics.changed(row.cloneId()));
  }

  @Override
  public void wakeFailed(BranchMachine branch, BranchState.Failed.Step step, RouteFailure cause) {
    var detail = cause.message() + (cause.detail().isEmpty() ? "" : "\n" + cause.detail());
    catalog.record(new Event("branch." + step + "-failed", branch.name().value(), detail));
  }

  @Override
  public void suspended(BranchMachine branch, Reason reason, Outcome outcome) {
    metrics.suspended(reason, outcome);
    branch.status().row().ifPresent(row -> metrics.changed(row.cloneId()));
    catalog.record(new Event("branch.suspended", branch.name().value(), reason + ", " + outcome));
  }

  @Override
  public void configured(BranchMachine branch) {
    idle.watch(branch);
  }

  @Override
  public void parkTried(BranchMachine branch, Reason reason, ParkOutcome outcome) {
    metrics.parkTried(outcome);
  }

  @Override
  public void deleting(BranchMachine branch, RouteFailure told) {
    attendance.of(branch.name()).forEach(session -> session.end(told));
  }

  @Override
  public void gone(BranchMachine branch) {
    branch
        .status()
        .row()
        .ifPresent(
            row -> {
              idle.forget(row.cloneId());
              metrics.gone(row);
            });
  }
}
