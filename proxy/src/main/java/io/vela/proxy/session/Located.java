package io.vela.proxy.session;

import io.vela.agent.Role;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.SessionRouter;
import io.vela.router.Target;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * What the router knows of a request before anything is woken.
 *
 * @param role empty when it is unknown
 */
record Located(Target target, Optional<Role> role) {
  /** Asks the router. */
  static CompletionStage<Located> by(SessionRouter router, SessionRequest request) {
    return router
        .locate(request.address())
        .thenCompose(target -> router.role(target).thenApply(role -> new Located(target, role)));
  }

  static boolean isBadToken(@Nullable Throwable error) {
    return error instanceof RouteException route
        && route.failure() instanceof RouteFailure.BadToken;
  }
}
