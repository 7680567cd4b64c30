package io.vela.router.branch;

import io.vela.router.BranchSession;
import io.vela.router.RouteFailure;
import java.time.Instant;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * Who holds a branch awake, and who has yet to let go of it. Guarded by its branch's lock; what is
 * returned as a {@link Runnable} or a future is for after it.
 */
final class Leases {
  private final Set<HeldLease> held = new LinkedHashSet<>();
  private final Set<HeldLease> revoked = new LinkedHashSet<>();
  private CompletableFuture<Void> letGo = new CompletableFuture<>();
  private Instant unusedSince = Instant.MIN;
  private long epoch;

  /** Grows whenever the branch is used: what was said of an earlier epoch no longer holds. */
  long epoch() {
    return epoch;
  }

  /** The branch is used in another way than by a lease. */
  void used() {
    epoch++;
  }

  /** Since when nobody holds one, while nobody does. */
  Instant unusedSince() {
    return unusedSince;
  }

  void unusedSince(Instant now) {
    unusedSince = now;
  }

  boolean isEmpty() {
    return held.isEmpty();
  }

  /** Who holds them, in the order in which they came. */
  List<BranchSession> sessions() {
    return held.stream().map(HeldLease::session).toList();
  }

  /** Those that are held, in the order in which they were given. */
  List<HeldLease> held() {
    return List.copyOf(held);
  }

  void add(HeldLease lease) {
    held.add(lease);
    epoch++;
  }

  /** Whether it was held: not when it had been revoked or its instance has ended. */
  boolean release(HeldLease lease) {
    return held.remove(lease);
  }

  /**
   * Takes note that the holder of a revoked lease has let go.
   *
   * @return whether it was the last
   */
  boolean releaseRevoked(HeldLease lease) {
    return revoked.remove(lease) && revoked.isEmpty();
  }

  /**
   * Asks all holders to let go.
   *
   * @param told to them
   * @return what tells them
   */
  List<Runnable> revokeAll(RouteFailure told) {
    var holders = List.copyOf(held);
    held.clear();
    revoked.addAll(holders);
    letGo = new CompletableFuture<>();
    if (holders.isEmpty()) {
      letGo.complete(null);
    }
    return holders.stream().<Runnable>map(lease -> () -> lease.revoke(told)).toList();
  }

  /** Completed by who is told of the last one by {@link #releaseRevoked}. */
  CompletableFuture<Void> letGo() {
    return letGo;
  }

  /** The instance has ended under those who hold one. */
  void forgetHeld() {
    held.clear();
    epoch++;
  }

  /** The instance was stopped, whoever had not let go. */
  void forgetRevoked() {
    revoked.clear();
  }
}
