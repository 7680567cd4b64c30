package io.vela.router.branch;

import io.vela.agent.Endpoint;
import io.vela.agent.InstanceExit;
import io.vela.config.value.BranchName;
import java.util.concurrent.CompletionStage;

/**
 * A session's right to an awake instance; no branch is put to sleep while one is held. Safe for use
 * from any thread.
 */
public interface BranchLease extends AutoCloseable {
  /** The branch. */
  BranchName branch();

  /** Where its instance accepts connections. */
  Endpoint endpoint();

  /** Completes when the instance ends under the lease, with what is known of it. Never fails. */
  CompletionStage<InstanceExit> instanceExit();

  /**
   * Completes when the holder must let go, with the reason: the branch is deleted ({@link
   * io.vela.router.RouteFailure.BranchDeleted}), suspended by hand, or Vela shuts down. Never
   * fails.
   */
  CompletionStage<io.vela.router.RouteFailure> revoked();

  /** Gives it back; more than once is as once. */
  @Override
  void close();
}
