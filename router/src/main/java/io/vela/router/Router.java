package io.vela.router;

import io.vela.agent.ImportProgress;
import io.vela.agent.PoolInfo;
import io.vela.agent.Source;
import io.vela.agent.StopMode;
import io.vela.agent.Usage;
import io.vela.config.MaxBytes;
import io.vela.config.Network;
import io.vela.config.ParkPolicy;
import io.vela.config.ParkPolicy.OnIdle;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.catalog.TokenRight;
import io.vela.router.catalog.TokenState;
import io.vela.router.route.TokenId;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The one door for proxy and admin.
 *
 * <p>The methods added here, for people and programs, block while they work: call them on virtual
 * threads. Those inherited, for sessions, do not.
 */
public interface Router extends SessionRouter, AutoCloseable {
  /** All branches by name. */
  List<BranchView> branches();

  /** One branch. */
  BranchView branch(BranchName name) throws RouteException;

  /**
   * Creates a branch, asleep.
   *
   * @param settings what is not as the baseline's policy says
   */
  BranchView createBranch(BranchName name, BaselineName from, BranchSettings settings)
      throws RouteException, InterruptedException;

  /** Wakes a branch and returns when it is awake. */
  BranchView resume(BranchName name) throws RouteException, InterruptedException;

  /**
   * Parks a branch's sessions, puts it to sleep and returns when it sleeps.
   *
   * @param force ends the sessions that cannot be parked; without it they are a {@link
   *     RouteFailure.InUse}
   */
  BranchView suspend(BranchName name, boolean force) throws RouteException, InterruptedException;

  /**
   * Parks a branch's sessions, stops its Postgres cleanly, starts it and returns when it runs.
   * Sessions that are at work have {@code limits.drain-timeout} to end what they do.
   *
   * @param force ends the sessions that cannot be parked by then; without it they are a {@link
   *     RouteFailure.InUse}
   */
  BranchView restart(BranchName name, boolean force) throws RouteException, InterruptedException;

  /** Changes what a branch has of its own, all of it. */
  BranchView configure(BranchName name, BranchSettings settings) throws RouteException;

  /** All sessions of this process, by branch and in the order in which they came. */
  List<SessionView> sessions();

  /** A branch's sessions in the order in which they came. */
  List<SessionView> sessions(BranchName name) throws RouteException;

  /**
   * Deletes a branch with its data and tokens; returns when it is gone. A Postgres that does not
   * stop is ended by force.
   *
   * @param force ends the sessions that use it; without it they are a {@link RouteFailure.InUse}
   * @return how its Postgres had to be ended by force; empty when it stopped by itself, or slept
   */
  Optional<StopMode> delete(BranchName name, boolean force)
      throws RouteException, InterruptedException;

  /** What the branch takes in the pool. */
  Usage usage(BranchName name) throws RouteException;

  /** Why the branch is as it is: what keeps it awake or when it will sleep, why it failed. */
  Why why(BranchName name) throws RouteException;

  /** All baselines by name. */
  List<BaselineView> baselines();

  /**
   * Imports data as a new baseline, or as the newer snapshot of an existing one.
   *
   * @param progress told from the calling thread
   */
  BaselineView importBaseline(BaselineName name, Source source, Consumer<ImportProgress> progress)
      throws RouteException, InterruptedException;

  /** Makes a token; its secret can be had only now. */
  IssuedToken mintToken(TokenRequest request) throws RouteException, InterruptedException;

  /**
   * Gives a token a new secret. The old one lets nobody in from here on; sessions that are there go
   * on, as they do when a role's password changes.
   *
   * @param lifetime from now on; empty leaves its end as it is
   * @throws RouteException with {@link RouteFailure.NoSuchToken}, or with {@link
   *     RouteFailure.TokenNotGood} when it is revoked, or expired and gets no new lifetime
   */
  MintedToken rotateToken(TokenId id, Optional<TokenRequest.Lifetime> lifetime)
      throws RouteException;

  /**
   * All tokens, the newest first; never their secrets. Those that are revoked or expired are among
   * them for some weeks.
   */
  List<TokenView> tokens() throws RouteException;

  /**
   * Takes a token back: from here on nobody gets in with it, and those who did are told to leave.
   * More than once is as once.
   *
   * @throws RouteException with {@link RouteFailure.NoSuchToken}
   */
  void revokeToken(TokenId id) throws RouteException;

  /**
   * Demands that a bearer token ({@code vela_id_secret}) grants the REST API.
   *
   * @param about the only branch that the request is about; empty where it is about more
   * @return the token's id
   * @throws RouteException with {@link RouteFailure.BadToken} or {@link RouteFailure.Malformed}
   *     when it is no token, {@link RouteFailure.NotGranted} when it is not good for this
   */
  TokenId authorize(Secret bearer, Optional<BranchName> about) throws RouteException;

  /** The pool as it is now. */
  PoolInfo pool() throws RouteException;

  /** What is in the pool and not in the catalogue. */
  List<Quarantined> quarantine();

  /**
   * Removes a volume from the pool for good.
   *
   * @throws RouteException with {@link RouteFailure.NotQuarantined}
   */
  void purge(String volume) throws RouteException;

  /**
   * A volume that the catalogue did not know when Vela started. It is left as it is, for a
   * catalogue that knows it, and goes by {@link #purge} only.
   *
   * @param id of the clone or the snapshot
   */
  record Quarantined(Kind kind, String id) {
    /** What it is. */
    public enum Kind {
      /** A branch was on it. */
      CLONE,
      /** A baseline was made of it. */
      SNAPSHOT;

      @Override
      public String toString() {
        return name().toLowerCase(Locale.ROOT);
      }
    }
  }

  /**
   * Refuses new sessions, revokes all leases, stops every instance cleanly and closes the
   * catalogue.
   */
  @Override
  void close();

  /**
   * What a branch may have of its own.
   *
   * @param suspendAfter instead of the policy's
   * @param onIdle instead of the policy's
   * @param parkAfter instead of the policy's
   * @param maxBytes how much of the pool it may take for itself; the policy's is the most
   */
  record BranchSettings(
      Optional<Duration> suspendAfter,
      Optional<OnIdle> onIdle,
      Optional<Duration> parkAfter,
      Optional<MaxBytes> maxBytes) {
    /** As the policy says. */
    public static final BranchSettings POLICY =
        new BranchSettings(Optional.empty(), Optional.empty(), Optional.empty());

    /** With as much of the pool as the policy says. */
    public BranchSettings(
        Optional<Duration> suspendAfter, Optional<OnIdle> onIdle, Optional<Duration> parkAfter) {
      this(suspendAfter, onIdle, parkAfter, Optional.empty());
    }

    /** What it may take, also where the policy allows less than when it was set. */
    MaxBytes within(MaxBytes policy, long poolBytes) {
      return maxBytes.map(own -> MaxBytes.least(own, policy, poolBytes)).orElse(policy);
    }

    /** A policy's parking with what is the branch's own. */
    ParkPolicy over(ParkPolicy policy) {
      return onIdle.isEmpty() && parkAfter.isEmpty()
          ? policy
          : new ParkPolicy(
              onIdle.orElse(policy.onIdle()),
              parkAfter.or(policy::parkAfter),
              policy.answerPings(),
              policy.pings(),
              policy.unseenSettings());
    }
  }

  /**
   * A branch as it is now.
   *
   * @param state the state's name in lower case: creating, suspended, starting, running, parking,
   *     suspending, failed, deleting
   * @param parking what becomes of its idle sessions
   * @param maxBytes how much of the pool it may take for itself
   * @param network what network its processes are in, from its next start on
   * @param sessions leases held
   * @param parked sessions that do without a backend
   * @param stateSince when it came into this state
   * @param detail of a failed branch the cause; else empty
   */
  record BranchView(
      BranchName name,
      String id,
      BaselineName baseline,
      String snapshot,
      String state,
      Instant stateSince,
      Instant createdAt,
      Duration suspendAfter,
      ParkPolicy parking,
      MaxBytes maxBytes,
      Network network,
      int sessions,
      int parked,
      int waiting,
      String detail,
      String defaultRole,
      String defaultDatabase) {}

  /**
   * A client's session.
   *
   * @param id unique in this process; in its log lines as well
   * @param description role, database, client address, application name
   * @param state starting, active, idle, parked or resuming
   * @param since when it came into this state
   * @param quietSince since when its client has wanted nothing; empty while it is at work
   * @param veto why it could not be parked when that was last tried; empty when it could
   */
  record SessionView(
      long id,
      BranchName branch,
      String description,
      String state,
      Instant since,
      Optional<Instant> quietSince,
      Optional<BranchSession.Veto> veto) {}

  /**
   * The warm clones of a baseline.
   *
   * @param ready how many can be handed out now
   * @param wanted how many the policy says
   */
  record WarmView(int ready, int wanted) {}

  /**
   * @param snapshot the current snapshot's id
   * @param major Postgres's major version
   * @param bytes the data's size as a full copy would be
   * @param branches how many branches come from it
   * @param warm of its clones without a name
   */
  record BaselineView(
      BaselineName name,
      String snapshot,
      int major,
      long bytes,
      boolean clean,
      Instant createdAt,
      int branches,
      WarmView warm,
      String defaultRole,
      String defaultDatabase) {}

  /**
   * @param state as in {@link BranchView}
   * @param summary one sentence
   * @param reasons what keeps it awake, one each: a session, a worker, a wait; empty when nothing
   * @param sleepsAt when it will be put to sleep if nothing happens
   * @param durability what a commit in it promises; empty while that is not known
   * @param network what network its processes are in, and why
   */
  record Why(
      BranchName name,
      String state,
      String summary,
      List<String> reasons,
      Optional<Instant> sleepsAt,
      Optional<String> durability,
      String network) {}

  /**
   * @param branch empty when it is for more than one
   * @param baseline empty when it is for one branch or for the system
   * @param roles the only roles that clients get in with; empty for any, where they get in at all
   * @param state whether it lets anybody in now
   */
  record TokenView(
      TokenId id,
      Optional<BranchName> branch,
      Optional<BaselineName> baseline,
      List<String> roles,
      Set<TokenRight> rights,
      Instant createdAt,
      Optional<Instant> expiresAt,
      Optional<Instant> revokedAt,
      TokenState state) {
    public TokenView {
      roles = List.copyOf(roles);
      rights = Set.copyOf(rights);
    }
  }

  /**
   * A token as it was made.
   *
   * @param roles the only roles that clients get in with; empty for any, where they get in at all
   * @param role what a connection string names: the first of the roles, else the default one; empty
   *     where there is none
   * @param database what a connection string names; empty where there is none
   * @param superuser whether clients may get in as a superuser, as far as is known
   */
  record IssuedToken(
      MintedToken token,
      List<String> roles,
      String role,
      String database,
      boolean superuser,
      Optional<Instant> expiresAt) {
    public IssuedToken {
      roles = List.copyOf(roles);
    }
  }

  /**
   * @param id the public part
   * @param secret the password; bearer form is {@code vela_<id>_<secret>}
   */
  record MintedToken(TokenId id, Secret secret) {
    /** The token in one piece. */
    public Secret bearer() {
      return new Secret("vela_" + id + "_" + secret.reveal());
    }
  }
}
