package io.vela.router.branch;

import io.vela.agent.Activity;
import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StopTimedOut;
import io.vela.agent.Endpoint;
import io.vela.agent.InstanceExit;
import io.vela.agent.StopMode;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.RouteException;
import io.vela.router.Router.BranchSettings;
import io.vela.router.catalog.BranchRow;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/**
 * What a branch's moves take in catalogue and agent. Blocks; a {@link BranchMachine} calls it on
 * virtual threads and never twice at the same time for one branch, but for {@link #exit} and {@link
 * #stopToDelete}.
 */
public interface BranchWork {
  /**
   * Makes the branch of a warm clone, which takes no more than a step in the catalogue; empty when
   * there is none. A failure leaves nothing.
   */
  Optional<HandedOut> handOut(BranchName name, BaselineName from, BranchSettings settings)
      throws RouteException;

  /** Makes the clone and its row; a failure leaves neither, or what the next start clears up. */
  BranchRow create(BranchName name, BaselineName from, BranchSettings settings)
      throws RouteException;

  /** Starts the instance. */
  Endpoint start(BranchRow branch) throws CloneException;

  /** Completes when the running instance has ended. Never fails. */
  CompletionStage<InstanceExit> exit(BranchRow branch);

  /** What the running instance is at by itself and for its sessions. */
  Activity activity(BranchRow branch) throws CloneException;

  /** Keeps what the instance knows and the sleeping clone cannot tell, then stops it cleanly. */
  void stop(BranchRow branch) throws CloneException;

  /**
   * Stops the instance of a branch that is to be deleted, whatever it takes; at once when none
   * runs. May be called while another call starts or stops the instance.
   *
   * @param late told of each way that did not end it in time
   * @return the way that ended it
   */
  StopMode stopToDelete(BranchRow branch, Consumer<StopTimedOut> late) throws CloneException;

  /** Promises that the branch goes: from here on a crash ends in its removal. */
  void condemn(BranchRow branch) throws RouteException;

  /** Removes the clone and then its row; again after a failure. */
  void destroy(BranchRow branch) throws RouteException;
}
