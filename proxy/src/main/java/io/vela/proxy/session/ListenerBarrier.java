package io.vela.proxy.session;

import io.vela.config.value.BranchName;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/**
 * Parked sessions that listen for notifications. Before any statement of a client's runs on a
 * branch that was asleep, all of them listen again, so that none misses what it would have heard
 * had it never been parked. Safe for use from any thread.
 */
public final class ListenerBarrier {
  private final ConcurrentMap<BranchName, Map<ParkedClient, CompletableFuture<Void>>> parked =
      new ConcurrentHashMap<>();

  /** A session that listens has been parked. */
  void await(BranchName branch, ParkedClient listener) {
    parked.compute(
        branch,
        (_, before) -> {
          var after =
              before == null ? new LinkedHashMap<ParkedClient, CompletableFuture<Void>>() : before;
          after.put(listener, new CompletableFuture<>());
          return after;
        });
  }

  /** It listens again, or has ended. More than once is as once. */
  void passed(BranchName branch, ParkedClient listener) {
    var done = new ArrayList<CompletableFuture<Void>>();
    parked.computeIfPresent(
        branch,
        (_, all) -> {
          var back = all.remove(listener);
          if (back != null) {
            done.add(back);
          }
          return all.isEmpty() ? null : all;
        });
    done.forEach(back -> back.complete(null));
  }

  /**
   * Somebody has a backend on the branch: calls all who listened there.
   *
   * @return completes when each listens again or has ended; at once when there is none
   */
  CompletionStage<Void> raise(BranchName branch) {
    if (!parked.containsKey(branch)) {
      return CompletableFuture.completedFuture(null);
    }
    var called = new LinkedHashMap<ParkedClient, CompletableFuture<Void>>();
    parked.computeIfPresent(
        branch,
        (_, all) -> {
          called.putAll(all);
          return all;
        });
    called
        .keySet()
        .forEach(
            listener ->
                listener.session().client().channel().eventLoop().execute(listener::recall));
    return CompletableFuture.allOf(called.values().toArray(CompletableFuture[]::new));
  }
}
