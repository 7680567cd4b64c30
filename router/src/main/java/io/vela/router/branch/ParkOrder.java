package io.vela.router.branch;

import io.vela.config.value.BranchName;
import io.vela.router.RouteFailure;
import io.vela.router.branch.BranchListener.Reason;
import java.util.OptionalLong;

/**
 * That a branch is to sleep, and its sessions to do without it.
 *
 * @param reason what for
 * @param epoch only if nobody has come since; empty: whoever has
 * @param force stops the branch also under sessions that cannot be parked
 * @param told to them
 */
public record ParkOrder(Reason reason, OptionalLong epoch, boolean force, RouteFailure told) {
  /**
   * Because all sessions are quiet: nobody must be disturbed by it, and nothing at work.
   *
   * @param epoch when they were found so
   */
  public static ParkOrder quiet(Reason reason, long epoch) {
    return new ParkOrder(reason, OptionalLong.of(epoch), false, new RouteFailure.ShuttingDown());
  }

  /** Because somebody says so. */
  static ParkOrder byHand(BranchName name, Reason reason, boolean force) {
    return new ParkOrder(
        reason, OptionalLong.empty(), force, new RouteFailure.SuspendedByHand(name));
  }

  /** Whether it is given up as soon as the branch is wanted or at work. */
  boolean yields() {
    return epoch.isPresent();
  }
}
