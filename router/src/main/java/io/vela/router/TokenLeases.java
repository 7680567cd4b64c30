package io.vela.router;

import io.vela.agent.Endpoint;
import io.vela.agent.InstanceExit;
import io.vela.config.value.BranchName;
import io.vela.router.RouteFailure.BadToken;
import io.vela.router.branch.BranchLease;
import io.vela.router.catalog.Catalog;
import io.vela.router.catalog.TokenRow;
import io.vela.router.route.TokenId;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Leases that stand on a token: when it is taken back, here or by another who shares the catalogue,
 * their holders must let go. A token that has merely run out ends no session, as a password that
 * does ({@code VALID UNTIL}) ends none. Sessions that are parked hold no lease and are told
 * themselves. Safe for use from any thread.
 */
final class TokenLeases {
  private static final Logger log = LoggerFactory.getLogger(TokenLeases.class);

  private final Catalog catalog;
  private final SessionDirectory attendance;
  private final Executor threads;
  private final ConcurrentMap<TokenId, Set<TokenLease>> held = new ConcurrentHashMap<>();

  /**
   * @param threads a virtual thread a task
   */
  TokenLeases(Catalog catalog, SessionDirectory attendance, Executor threads) {
    this.catalog = catalog;
    this.attendance = attendance;
    this.threads = threads;
    catalog.onTokenChanged(changed -> threads.execute(() -> look(changed)));
  }

  /**
   * The same lease, standing on the token.
   *
   * @return cancelling it cancels what was given
   */
  CompletableFuture<BranchLease> on(TokenId token, CompletableFuture<BranchLease> lease) {
    var guarded = new CompletableFuture<BranchLease>();
    if (lease.isDone()) {
      var _ = lease.whenComplete((got, error) -> got(token, guarded, got, error));
    } else {
      var _ = lease.whenCompleteAsync((got, error) -> got(token, guarded, got, error), threads);
    }
    var _ =
        guarded.whenComplete(
            (_, _) -> {
              if (guarded.isCancelled()) {
                lease.cancel(false);
              }
            });
    return guarded;
  }

  private void got(
      TokenId token,
      CompletableFuture<BranchLease> guarded,
      @Nullable BranchLease got,
      @Nullable Throwable error) {
    if (got == null) {
      guarded.completeExceptionally(
          error == null ? new IllegalStateException("no lease and no reason") : error);
      return;
    }
    var lease = new TokenLease(token, got);
    // First held, then looked at: whoever takes the token back meanwhile finds the lease.
    held.computeIfAbsent(token, _ -> ConcurrentHashMap.newKeySet()).add(lease);
    var known = catalog.tokenAtHand(token);
    if (known.isPresent()) {
      hand(lease, known.get().revoked(), guarded);
    } else {
      threads.execute(() -> hand(lease, isRevoked(token), guarded));
    }
  }

  private static void hand(
      TokenLease lease, boolean revoked, CompletableFuture<BranchLease> guarded) {
    if (revoked) {
      lease.close();
      guarded.completeExceptionally(
          new RouteException(new BadToken(lease.token.value(), BadToken.Reason.REVOKED)));
    } else if (!guarded.complete(lease)) {
      lease.close();
    }
  }

  private void look(Optional<TokenId> changed) {
    for (var token : changed.map(Set::of).orElseGet(this::inUse)) {
      var leases = List.copyOf(held.getOrDefault(token, Set.of()));
      var parked =
          attendance.standingOn(token).stream()
              .filter(session -> session.activity().state() == BranchSession.State.PARKED)
              .toList();
      if (!(leases.isEmpty() && parked.isEmpty()) && isRevoked(token)) {
        log.info(
            "sessions of a revoked token end token={} sessions={} parked={}",
            token,
            leases.size(),
            parked.size());
        leases.forEach(TokenLease::revoke);
        parked.forEach(session -> session.end(new RouteFailure.TokenRevoked(token.value())));
      }
    }
  }

  /** Those on which sessions of this process stand, awake or parked. */
  Set<TokenId> inUse() {
    var all = attendance.tokens();
    all.addAll(held.keySet());
    return all;
  }

  /** Blocks. What cannot be known now is looked at again when the catalogue is back. */
  private boolean isRevoked(TokenId token) {
    try {
      return catalog.token(token).map(TokenRow::revoked).orElse(true);
    } catch (RouteException e) {
      log.warn("token not looked at token={} cause=\"{}\"", token, e.failure().detail());
      return false;
    }
  }

  private void forget(TokenLease lease) {
    held.computeIfPresent(
        lease.token,
        (_, leases) -> {
          leases.remove(lease);
          return leases.isEmpty() ? null : leases;
        });
  }

  private final class TokenLease implements BranchLease {
    private final TokenId token;
    private final BranchLease lease;
    private final CompletableFuture<RouteFailure> revoked = new CompletableFuture<>();

    TokenLease(TokenId token, BranchLease lease) {
      this.token = token;
      this.lease = lease;
      var _ = lease.revoked().thenAccept(revoked::complete);
    }

    void revoke() {
      revoked.complete(new RouteFailure.TokenRevoked(token.value()));
    }

    @Override
    public BranchName branch() {
      return lease.branch();
    }

    @Override
    public Endpoint endpoint() {
      return lease.endpoint();
    }

    @Override
    public CompletionStage<InstanceExit> instanceExit() {
      return lease.instanceExit();
    }

    @Override
    public CompletionStage<RouteFailure> revoked() {
      return revoked.minimalCompletionStage();
    }

    @Override
    public void close() {
      forget(this);
      lease.close();
    }
  }
}
