package io.vela.router;

import io.vela.agent.Role;
import io.vela.config.BackendPolicy;
import io.vela.config.ParkPolicy;
import io.vela.config.value.BranchName;
import io.vela.router.branch.BranchLease;
import io.vela.router.route.BranchAddress;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * What a session needs of the router, in the order in which it asks. Nothing here blocks; the
 * stages complete on the router's threads and fail with {@link RouteException} only.
 */
public interface SessionRouter {
  /**
   * Finds what an address means, waking and creating nothing. A token is looked up here (a bearer's
   * secret is checked) and what it may reach is enforced.
   */
  CompletionStage<Target> locate(BranchAddress address);

  /**
   * The verifier that a password exchange must match: the token's for a token presented as user,
   * else the role's, as it is at this moment. Empty for an unknown role.
   *
   * <p>Creates nothing, and wakes nothing but a branch whose instance has crashed: its roles must
   * be read before anybody can be told from anybody.
   *
   * @param target from {@link #locate}
   */
  CompletionStage<Optional<Role>> role(Target target);

  /**
   * The major version of the Postgres that serves, or would serve, the branch. Waking and creating
   * nothing.
   *
   * @param target from {@link #locate}
   */
  CompletionStage<Integer> postgresMajor(Target target);

  /**
   * Creates the branch if need be, wakes it and holds it awake. Cancelling the future gives up
   * waiting. Bounded by {@code limits.wake-timeout}.
   *
   * @param session who holds it, and is asked to give it up when nobody uses the branch
   */
  CompletableFuture<BranchLease> lease(Target target, BranchSession session);

  /**
   * What becomes of sessions of the branch that are idle, as it is now.
   *
   * @param target from {@link #locate}
   */
  ParkPolicy parking(Target target);

  /**
   * Whether sessions of the branch may be given backends that are older than they are, as it is
   * now.
   *
   * @param target from {@link #locate}
   */
  default BackendPolicy backends(Target target) {
    return BackendPolicy.DEFAULT;
  }

  /** A client has proven that it may use a branch: from now on its session is known. */
  void began(BranchName branch, BranchSession session);

  /** A session has ended, whatever it was at. */
  void ended(BranchName branch, BranchSession session);

  /**
   * Who holds a lease.
   *
   * @param id unique among the sessions of this process
   * @param description role, database, client address, application name
   */
  record SessionLabel(long id, String description) {}
}
