package io.vela.agent.isolation;

import java.util.concurrent.CompletionStage;

/** A started instance, or one that was found again. */
public interface Launched {
  /**
   * The process id of the program that was asked for, as Vela sees it; of the process that starts
   * it, while it has not been started yet.
   */
  long pid();

  /** All processes of the instance end with this one: the one to kill when nothing else helps. */
  long root();

  /** Completes when the instance has ended, whoever ended it. Never fails. */
  CompletionStage<?> ended();

  /** Told once when the instance serves: what would have slowed its start may be done now. */
  void serves();

  /** Writes what has come through the pipe to the log. */
  void drainLog();
}
