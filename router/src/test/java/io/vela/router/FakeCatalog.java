package io.vela.router;

import io.vela.agent.CloneId;
import io.vela.agent.SnapshotId;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.Router.BranchSettings;
import io.vela.router.catalog.BaselineRow;
import io.vela.router.catalog.BranchRow;
import io.vela.router.catalog.BranchRow.Phase;
import io.vela.router.catalog.Catalog;
import io.vela.router.catalog.Event;
import io.vela.router.catalog.SnapshotRow;
import io.vela.router.catalog.TokenRow;
import io.vela.router.catalog.TokenScope;
import io.vela.router.catalog.WarmRows;
import io.vela.router.route.TokenId;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/** A fake catalogue in memory, for tests of what stands above it. */
public final class FakeCatalog implements Catalog {
  public final Map<BaselineName, BaselineRow> baselines = new LinkedHashMap<>();
  public final Map<SnapshotId, SnapshotRow> snapshots = new LinkedHashMap<>();
  public final Set<SnapshotId> going = new LinkedHashSet<>();
  public final Map<Long, BranchRow> branches = new LinkedHashMap<>();
  public final Map<TokenId, TokenRow> tokens = new LinkedHashMap<>();
  public final List<Event> events = new ArrayList<>();
  public final List<Consumer<Optional<TokenId>>> tokenListeners = new CopyOnWriteArrayList<>();
  private final Set<TokenId> atHand = new HashSet<>();
  public volatile boolean down;
  private boolean closed;
  private long lastId;

  /** Warm clones, each with its baseline's row as it was. */
  public final Map<CloneId, BaselineRow> warm = new LinkedHashMap<>();

  /** What the next hand-outs do before they answer. */
  public volatile Runnable onHandOut = () -> {};

  /** The epochs of pools. */
  public final Map<String, Long> pools = new LinkedHashMap<>();

  @Override
  public synchronized OptionalLong poolEpoch(String pool) throws RouteException {
    demandUp();
    return pools.containsKey(pool) ? OptionalLong.of(pools.get(pool)) : OptionalLong.empty();
  }

  @Override
  public synchronized void setPoolEpoch(String pool, long epoch) throws RouteException {
    demandUp();
    pools.put(pool, epoch);
  }

  private void demandUp() throws RouteException {
    if (down) {
      throw new RouteException(new RouteFailure.CatalogUnavailable("it is down"));
    }
  }

  /** The events of a kind as a person reads them. */
  public synchronized List<String> events(String kind) {
    return events.stream()
        .filter(event -> event.kind().equals(kind))
        .map(event -> event.subject() + ": " + event.detail())
        .toList();
  }

  /** Adds a row as an earlier Vela would have left it. */
  public synchronized BranchRow left(String name, SnapshotId snapshot, Phase phase) {
    var row =
        new BranchRow(
            ++lastId,
            new BranchName(name),
            CloneId.random(),
            snapshot,
            new BaselineName("main"),
            phase,
            BranchSettings.POLICY,
            Instant.EPOCH);
    branches.put(row.id(), row);
    return row;
  }

  @Override
  public synchronized List<BaselineRow> baselines() throws RouteException {
    demandUp();
    return List.copyOf(baselines.values());
  }

  @Override
  public synchronized List<SnapshotRow> snapshots() throws RouteException {
    demandUp();
    return List.copyOf(snapshots.values());
  }

  @Override
  public synchronized List<BranchRow> branches() throws RouteException {
    demandUp();
    return List.copyOf(branches.values());
  }

  /** What the next inserts of a branch do before they answer. */
  public volatile Runnable onInsertBranch = () -> {};

  @Override
  public BranchRow insertBranch(
      BranchName name,
      CloneId clone,
      BaselineName baseline,
      SnapshotId snapshot,
      BranchSettings settings)
      throws RouteException {
    onInsertBranch.run();
    return insert(name, clone, baseline, snapshot, settings);
  }

  private synchronized BranchRow insert(
      BranchName name,
      CloneId clone,
      BaselineName baseline,
      SnapshotId snapshot,
      BranchSettings settings)
      throws RouteException {
    demandUp();
    if (branches.values().stream().anyMatch(row -> row.name().equals(name))) {
      throw new RouteException(new RouteFailure.AlreadyExists("branch", name.value()));
    }
    if (!snapshots.containsKey(snapshot)) {
      throw new RouteException(new RouteFailure.NoSuchBaseline(baseline.value()));
    }
    var row =
        new BranchRow(
            ++lastId, name, clone, snapshot, baseline, Phase.READY, settings, Instant.EPOCH);
    branches.put(row.id(), row);
    return row;
  }

  @Override
  public WarmRows warm() {
    return new WarmRows() {
      @Override
      public List<CloneId> all() throws RouteException {
        synchronized (FakeCatalog.this) {
          demandUp();
          return List.copyOf(warm.keySet());
        }
      }

      @Override
      public SnapshotId insert(CloneId clone, BaselineName baseline) throws RouteException {
        synchronized (FakeCatalog.this) {
          demandUp();
          var from = baselines.get(baseline);
          if (from == null) {
            throw new RouteException(new RouteFailure.NoSuchBaseline(baseline.value()));
          }
          warm.put(clone, from);
          return from.current();
        }
      }

      @Override
      public Optional<BranchRow> handOut(CloneId clone, BranchName name, BranchSettings settings)
          throws RouteException {
        Optional<BranchRow> made;
        synchronized (FakeCatalog.this) {
          demandUp();
          if (branches.values().stream().anyMatch(row -> row.name().equals(name))) {
            throw new RouteException(new RouteFailure.AlreadyExists("branch", name.value()));
          }
          made =
              Optional.ofNullable(warm.remove(clone))
                  .map(
                      from ->
                          new BranchRow(
                              ++lastId,
                              name,
                              clone,
                              from.current(),
                              from.name(),
                              Phase.READY,
                              settings,
                              Instant.EPOCH));
          made.ifPresent(row -> branches.put(row.id(), row));
        }
        onHandOut.run();
        synchronized (FakeCatalog.this) {
          demandUp();
        }
        return made;
      }

      @Override
      public void takeBack(CloneId clone) throws RouteException {
        synchronized (FakeCatalog.this) {
          demandUp();
          var row = branches.values().stream().filter(b -> b.cloneId().equals(clone)).findFirst();
          row.ifPresent(
              branch -> {
                branches.remove(branch.id());
                warm.put(
                    clone,
                    new BaselineRow(
                        branch.baseline(), branch.snapshot(), Instant.EPOCH, Instant.EPOCH));
              });
        }
      }

      @Override
      public void remove(CloneId clone) throws RouteException {
        synchronized (FakeCatalog.this) {
          demandUp();
          warm.remove(clone);
        }
      }
    };
  }

  @Override
  public synchronized void setPhase(long branch, Phase phase) throws RouteException {
    demandUp();
    if (!branches.containsKey(branch)) {
      throw new RouteException(new RouteFailure.CatalogUnavailable("the row has gone"));
    }
    branches.computeIfPresent(
        branch,
        (_, r) ->
            new BranchRow(
                r.id(),
                r.name(),
                r.cloneId(),
                r.snapshot(),
                r.baseline(),
                phase,
                r.settings(),
                r.createdAt()));
  }

  @Override
  public synchronized void setSettings(long branch, BranchSettings settings) throws RouteException {
    demandUp();
    branches.computeIfPresent(branch, (_, row) -> row.with(settings));
  }

  @Override
  public synchronized void removeBranch(long branch) throws RouteException {
    demandUp();
    branches.remove(branch);
    tokens.values().removeIf(token -> token.scope().equals(new TokenScope.OneBranch(branch)));
  }

  @Override
  public synchronized void removeBranch(CloneId clone) throws RouteException {
    demandUp();
    branches.values().removeIf(row -> row.cloneId().equals(clone));
  }

  @Override
  public synchronized BaselineRow switchBaseline(BaselineName baseline, SnapshotId snapshot)
      throws RouteException {
    demandUp();
    snapshots.put(snapshot, new SnapshotRow(snapshot, baseline, Instant.EPOCH));
    var row = new BaselineRow(baseline, snapshot, Instant.EPOCH, Instant.EPOCH);
    baselines.put(baseline, row);
    return row;
  }

  @Override
  public synchronized List<SnapshotId> removeUnusedSnapshots() throws RouteException {
    demandUp();
    var unused =
        snapshots.keySet().stream()
            .filter(id -> baselines.values().stream().noneMatch(b -> b.current().equals(id)))
            .filter(id -> branches.values().stream().noneMatch(b -> b.snapshot().equals(id)))
            .filter(id -> warm.values().stream().noneMatch(b -> b.current().equals(id)))
            .toList();
    unused.forEach(snapshots::remove);
    going.addAll(unused);
    return List.copyOf(going);
  }

  @Override
  public synchronized List<SnapshotId> goingSnapshots() throws RouteException {
    demandUp();
    return List.copyOf(going);
  }

  @Override
  public synchronized void forgetSnapshot(SnapshotId snapshot) throws RouteException {
    demandUp();
    going.remove(snapshot);
  }

  @Override
  public synchronized Optional<TokenRow> token(TokenId id) throws RouteException {
    demandUp();
    atHand.add(id);
    return Optional.ofNullable(tokens.get(id));
  }

  @Override
  public synchronized List<TokenRow> tokensToNarrow() throws RouteException {
    demandUp();
    return List.of();
  }

  @Override
  public synchronized void narrowToken(TokenId id, Optional<String> role) throws RouteException {
    throw new UnsupportedOperationException("there are no tokens of earlier Velas here");
  }

  @Override
  public synchronized Optional<TokenRow> tokenAtHand(TokenId id) {
    return Optional.ofNullable(tokens.get(id)).filter(_ -> atHand.contains(id));
  }

  @Override
  public synchronized boolean insertToken(TokenRow token) throws RouteException {
    demandUp();
    return tokens.putIfAbsent(token.id(), token) == null;
  }

  @Override
  public synchronized List<TokenRow> tokens() throws RouteException {
    demandUp();
    return List.copyOf(tokens.values());
  }

  @Override
  public boolean revokeToken(TokenId id) throws RouteException {
    boolean changed;
    synchronized (this) {
      demandUp();
      var old = tokens.get(id);
      changed = old != null && !old.revoked();
      if (old != null && changed) {
        tokens.put(
            id,
            new TokenRow(
                id,
                old.verifier(),
                old.scope(),
                old.roles(),
                old.rights(),
                old.expiresAt(),
                Optional.of(Instant.EPOCH),
                old.createdAt()));
      }
    }
    tokenListeners.forEach(listener -> listener.accept(Optional.of(id)));
    return changed;
  }

  @Override
  public boolean rotateToken(TokenId id, Secret verifier, Optional<Instant> expiresAt)
      throws RouteException {
    boolean changed;
    synchronized (this) {
      demandUp();
      var old = tokens.get(id);
      changed = old != null && !old.revoked();
      if (old != null && changed) {
        tokens.put(
            id,
            new TokenRow(
                id,
                verifier,
                old.scope(),
                old.roles(),
                old.rights(),
                expiresAt,
                old.revokedAt(),
                old.createdAt()));
      }
    }
    tokenListeners.forEach(listener -> listener.accept(Optional.of(id)));
    return changed;
  }

  @Override
  public List<TokenId> pruneTokens(Instant before, Set<TokenId> kept) throws RouteException {
    List<TokenId> gone;
    synchronized (this) {
      demandUp();
      gone =
          tokens.values().stream()
              .filter(row -> row.revokedAt().or(row::expiresAt).filter(before::isAfter).isPresent())
              .map(TokenRow::id)
              .filter(id -> !kept.contains(id))
              .toList();
      gone.forEach(tokens::remove);
    }
    gone.forEach(id -> tokenListeners.forEach(listener -> listener.accept(Optional.of(id))));
    return gone;
  }

  @Override
  public void onTokenChanged(Consumer<Optional<TokenId>> listener) {
    tokenListeners.add(listener);
  }

  @Override
  public synchronized void record(Event event) {
    if (closed) {
      return; // lost, as with any catalogue
    }
    events.add(event);
  }

  @Override
  public void contentsChanged(CloneId clone) {}

  @Override
  public void onContentsChanged(Consumer<Optional<CloneId>> listener) {}

  @Override
  public synchronized void settle() throws RouteException {
    demandUp();
  }

  @Override
  public boolean isUp() {
    return !down;
  }

  @Override
  public synchronized void close() {
    closed = true;
  }
}
