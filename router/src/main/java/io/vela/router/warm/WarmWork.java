package io.vela.router.warm;

import io.vela.agent.CloneId;
import io.vela.agent.Endpoint;
import io.vela.agent.InstanceExit;
import io.vela.agent.InstanceSettings;
import io.vela.agent.SnapshotId;
import io.vela.config.value.BaselineName;
import io.vela.router.RouteException;
import java.util.concurrent.CompletionStage;

/** What warm clones take in catalogue and agent. Blocks, but for {@link #exit}. */
public interface WarmWork {
  /** A clone that runs, and what it was made from. */
  record Made(SnapshotId snapshot, Endpoint endpoint) {}

  /** Whether the pool is so far from its reserve that a clone more does nobody harm. */
  boolean poolIsAmple() throws RouteException;

  /** Makes and starts one; a failure leaves nothing, or what the next start of Vela clears up. */
  Made make(CloneId id, BaselineName from, InstanceSettings settings) throws RouteException;

  /** Completes when the running instance has ended. Never fails. */
  CompletionStage<InstanceExit> exit(CloneId id);

  /** Undoes a hand-out of which nobody knows whether it reached the catalogue. */
  void takeBack(CloneId id) throws RouteException;

  /** Stops the instance, if it runs. */
  void stop(CloneId id) throws RouteException;

  /** Removes the clone and then its row; again after a failure. */
  void destroy(CloneId id) throws RouteException;
}
