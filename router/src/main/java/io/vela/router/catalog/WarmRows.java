package io.vela.router.catalog;

import io.vela.agent.CloneId;
import io.vela.agent.SnapshotId;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.RouteException;
import io.vela.router.Router.BranchSettings;
import java.util.List;
import java.util.Optional;

/**
 * The catalogue's rows of warm clones. As with branches, a row is there before its clone and until
 * after it; unlike them, whatever a crash leaves is removed. Methods block.
 */
public interface WarmRows {
  /** All of them. */
  List<CloneId> all() throws RouteException;

  /**
   * Writes the row of a clone that is about to be made.
   *
   * @return the baseline's current snapshot, which stays for as long as the row does
   * @throws RouteException with {@link io.vela.router.RouteFailure.NoSuchBaseline}
   */
  SnapshotId insert(CloneId clone, BaselineName baseline) throws RouteException;

  /**
   * Makes a warm clone a branch that is ready, in one step.
   *
   * @return the branch; empty when the clone has no row
   * @throws RouteException with {@link io.vela.router.RouteFailure.AlreadyExists}, and nothing has
   *     changed; with {@link io.vela.router.RouteFailure.CatalogUnavailable}, and it may have
   */
  Optional<BranchRow> handOut(CloneId clone, BranchName name, BranchSettings settings)
      throws RouteException;

  /** Makes it a warm clone again, if it became a branch. */
  void takeBack(CloneId clone) throws RouteException;

  /** Removes a row; no error when it is not there. */
  void remove(CloneId clone) throws RouteException;
}
