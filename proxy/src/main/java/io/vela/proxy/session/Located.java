package io.vela.proxy.session;

import io.vela.agent.Role;
import io.vela.proxy.wire.Negotiation;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.SessionRouter;
import io.vela.router.Target;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * What the router knows of a request before anything is woken.
 *
 * @param role empty when it is unknown
 * @param negotiation what the branch's Postgres will answer to what the client asks of the protocol
 */
record Located(Target target, Optional<Role> role, Optional<Negotiation> negotiation) {
  /** Asks the router. */
  static CompletionStage<Located> by(SessionRouter router, SessionRequest request) {
    return router
        .locate(request.address())
        .thenCompose(
            target ->
                router
                    .role(target)
                    .thenCombine(
                        negotiation(router, request, target),
                        (role, answer) -> new Located(target, role, answer)));
  }

  private static CompletionStage<Optional<Negotiation>> negotiation(
      SessionRouter router, SessionRequest request, Target target) {
    return Negotiation.isAskedFor(request.startup())
        ? router.postgresMajor(target).thenApply(major -> Negotiation.by(major, request.startup()))
        : CompletableFuture.completedStage(Optional.empty());
  }

  static Optional<RouteFailure.BadToken> badToken(@Nullable Throwable error) {
    return error instanceof RouteException route
            && route.failure() instanceof RouteFailure.BadToken bad
        ? Optional.of(bad)
        : Optional.empty();
  }
}
