package io.vela.router;

import io.vela.agent.Role;
import io.vela.router.branch.BranchLease;
import io.vela.router.route.BranchAddress;
import java.util.Optional;
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
   * @param session for {@code vela why}: an id and a description of who holds it
   */
  java.util.concurrent.CompletableFuture<BranchLease> lease(Target target, SessionLabel session);

  /**
   * Who holds a lease.
   *
   * @param id unique among the sessions of this process
   * @param description role, database, client address, application name
   */
  record SessionLabel(long id, String description) {}
}
