package io.vela.proxy.session;

import io.vela.proxy.park.SessionMemory;
import io.vela.router.BranchSession.Veto;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** One try to park a session, from the moment that its relay is taken apart. On its event loop. */
final class ParkTrial {
  private final long quietSince;
  private final CompletableFuture<Optional<Veto>> prepared = new CompletableFuture<>();
  private Optional<SessionMemory> memory = Optional.empty();
  private CompletionStage<?> conversation = CompletableFuture.completedFuture(null);
  private boolean disturbed;

  /**
   * @param quietSince since when the client has wanted nothing, in ms since 1970
   */
  ParkTrial(long quietSince) {
    this.quietSince = quietSince;
  }

  long quietSince() {
    return quietSince;
  }

  /** Completes once the state is captured, or with why it cannot be. */
  CompletableFuture<Optional<Veto>> prepared() {
    return prepared;
  }

  /** What was captured, so far. */
  Optional<SessionMemory> memory() {
    return memory;
  }

  void captured(SessionMemory all) {
    memory = Optional.of(all);
  }

  /** The backend is being asked until this completes, and nothing else may be done with it. */
  void asking(CompletionStage<?> answer) {
    conversation = answer;
  }

  CompletionStage<?> asking() {
    return conversation;
  }

  /** Whether the client has sent something, or left, since it began. */
  boolean isDisturbed() {
    return disturbed;
  }

  void disturb() {
    disturbed = true;
  }
}
