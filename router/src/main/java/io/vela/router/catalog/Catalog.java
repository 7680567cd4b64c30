package io.vela.router.catalog;

import io.vela.agent.CloneId;
import io.vela.agent.SnapshotId;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.RouteException;
import io.vela.router.Router.BranchSettings;
import io.vela.router.route.TokenId;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Consumer;

/**
 * What is known beyond this process: branches, snapshots, baselines, tokens, events.
 *
 * <p>Methods block: call them on virtual threads. All fail with {@link
 * io.vela.router.RouteFailure.CatalogUnavailable} when the catalogue cannot be reached; what else
 * they fail with stands with each. A change that failed so may have been made all the same, but is
 * not made later than the next change, or {@link #settle}, is answered. Each change is such that
 * making it twice is as making it once.
 *
 * <p>The order of writes lets a crash at any point be put right by {@link Reconciler}: a branch's
 * row is there only while its clone is, or says that it goes; a snapshot's row is there only while
 * its volume is.
 */
public interface Catalog extends AutoCloseable {
  /** All baselines. */
  List<BaselineRow> baselines() throws RouteException;

  /** All snapshots. */
  List<SnapshotRow> snapshots() throws RouteException;

  /** All branches. */
  List<BranchRow> branches() throws RouteException;

  /**
   * Writes the row of a branch whose clone is there.
   *
   * @param snapshot of the baseline: what the clone was made from
   * @throws RouteException with {@link io.vela.router.RouteFailure.AlreadyExists}, or with {@link
   *     io.vela.router.RouteFailure.NoSuchBaseline} when there is no such snapshot of it any more
   */
  BranchRow insertBranch(
      BranchName name,
      CloneId clone,
      BaselineName baseline,
      SnapshotId snapshot,
      BranchSettings settings)
      throws RouteException;

  /**
   * The epoch to which the catalogue came with that pool; empty when it was never used with it.
   *
   * @param pool the pool's own id
   */
  OptionalLong poolEpoch(String pool) throws RouteException;

  /** Writes down that the catalogue has come to an epoch with that pool, and who takes both. */
  void setPoolEpoch(String pool, long epoch) throws RouteException;

  /** Clones without a name. */
  WarmRows warm();

  /** Moves a branch on. */
  void setPhase(long branch, BranchRow.Phase phase) throws RouteException;

  /** Changes what a branch has of its own. */
  void setSettings(long branch, BranchSettings settings) throws RouteException;

  /** Removes a branch's row and with it its tokens; no error when it is not there. */
  void removeBranch(long branch) throws RouteException;

  /** The same, by its clone. */
  void removeBranch(CloneId clone) throws RouteException;

  /** Adds a snapshot and makes it the baseline's current one, the baseline too if it is new. */
  BaselineRow switchBaseline(BaselineName baseline, SnapshotId snapshot) throws RouteException;

  /**
   * Removes the rows of snapshots that neither a baseline, a branch nor a warm clone needs. They
   * are remembered as going until {@link #forgetSnapshot}, whatever becomes of this process.
   *
   * @return {@link #goingSnapshots}
   */
  List<SnapshotId> removeUnusedSnapshots() throws RouteException;

  /** Snapshots without a row whose volumes are to go, or went without its being written down. */
  List<SnapshotId> goingSnapshots() throws RouteException;

  /** The volume of a snapshot that was going has gone. */
  void forgetSnapshot(SnapshotId snapshot) throws RouteException;

  /** A token; answered from a cache where it was asked for before. */
  Optional<TokenRow> token(TokenId id) throws RouteException;

  /** What {@link #token} would answer from the cache, if it would. Does not block. */
  Optional<TokenRow> tokenAtHand(TokenId id);

  /**
   * @return whether it was added: not when the id is taken
   */
  boolean insertToken(TokenRow token) throws RouteException;

  /** All tokens, the newest first. */
  List<TokenRow> tokens() throws RouteException;

  /**
   * Tokens of one branch or baseline that an earlier Vela made for every role. They let nobody in
   * until they are narrowed.
   */
  List<TokenRow> tokensToNarrow() throws RouteException;

  /**
   * Makes such a token one for a single role.
   *
   * @param role without one it is revoked
   */
  void narrowToken(TokenId id, Optional<String> role) throws RouteException;

  /**
   * Takes a token back. When this returns, {@link #token} says so and listeners have been told.
   *
   * @return whether it was there and good until now
   */
  boolean revokeToken(TokenId id) throws RouteException;

  /**
   * Gives a token another verifier and another end. When this returns, {@link #token} says so and
   * listeners have been told.
   *
   * @return whether it was there and not revoked
   */
  boolean rotateToken(TokenId id, Secret verifier, Optional<Instant> expiresAt)
      throws RouteException;

  /**
   * Removes tokens that have let nobody in since then.
   *
   * @param before those that were revoked or expired before go
   * @param kept those that stay nevertheless
   * @return what was removed
   */
  List<TokenId> pruneTokens(Instant before, Set<TokenId> kept) throws RouteException;

  /**
   * @param listener told of tokens that may have changed here or elsewhere; empty: all
   */
  void onTokenChanged(Consumer<Optional<TokenId>> listener);

  /** Adds to the audit. Does not fail: an event that could not be written is logged as such. */
  void record(Event event);

  /** Tells all who share the catalogue that roles in a clone may have changed. */
  void contentsChanged(CloneId clone);

  /**
   * @param listener told of clones whose roles may have changed here or elsewhere; empty: all
   */
  void onContentsChanged(Consumer<Optional<CloneId>> listener);

  /**
   * Waits until nothing is written any more by calls that have failed: from then on what is read is
   * what became of them.
   */
  void settle() throws RouteException;

  /** Whether the catalogue could be reached when last tried. */
  boolean isUp();

  /** Waits, for a bounded time, until what was recorded before is written; then lets go of it. */
  @Override
  void close();
}
