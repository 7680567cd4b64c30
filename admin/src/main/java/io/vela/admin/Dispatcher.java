package io.vela.admin;

import io.vela.config.value.Secret;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.util.HashMap;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs actions on virtual threads and answers on the event loop. */
final class Dispatcher {
  private static final Logger log = LoggerFactory.getLogger(Dispatcher.class);

  private final Router router;
  private final ExecutorService threads;

  /**
   * @param threads virtual ones
   */
  Dispatcher(Router router, ExecutorService threads) {
    this.router = router;
    this.threads = threads;
  }

  /** Runs the action for whoever asks. */
  void open(RoutingContext context, Call.Action action) {
    dispatch(context, action);
  }

  /** Runs the action for the bearer of a token that grants it. */
  void authorized(RoutingContext context, Call.Action action) {
    var bearer = bearer(context.request().getHeader(HttpHeaders.AUTHORIZATION));
    dispatch(
        context,
        call -> {
          if (bearer == null) {
            return unauthorized("no bearer token was sent");
          }
          try {
            router.authorize(bearer, call.about());
          } catch (RouteException e) {
            return switch (e.failure()) {
              case RouteFailure.BadToken bad -> {
                log.info(
                    "request refused method={} client={} cause=\"{}\"",
                    context.request().method(),
                    context.request().remoteAddress(),
                    bad.cause());
                yield unauthorized("the token is not valid");
              }
              case RouteFailure.Malformed _ -> unauthorized("the token is not valid");
              default -> Reply.problem(Problem.of(e.failure()));
            };
          }
          return action.run(call);
        });
  }

  private static Reply unauthorized(String detail) {
    return Reply.problem(
        new Problem(
            ProblemType.UNAUTHORIZED, detail, "Send \"Authorization: Bearer vela_ID_SECRET\"."));
  }

  private void dispatch(RoutingContext context, Call.Action action) {
    var eventLoop = context.vertx().getOrCreateContext();
    var call = call(context);
    var response = context.response();
    try {
      threads.execute(
          () -> {
            var reply = run(context, action, call);
            eventLoop.runOnContext(_ -> send(response, reply));
          });
    } catch (RejectedExecutionException e) {
      send(response, shuttingDown());
    }
  }

  private static Reply run(RoutingContext context, Call.Action action, Call call) {
    try {
      return action.run(call);
    } catch (ProblemException e) {
      return Reply.problem(e.problem());
    } catch (RouteException e) {
      return Reply.problem(Problem.of(e.failure()));
    } catch (InterruptedException e) {
      return shuttingDown();
    } catch (Exception e) {
      log.error(
          "request failed method={} path={}",
          context.request().method(),
          context.normalizedPath(),
          e);
      return Reply.problem(new Problem(ProblemType.INTERNAL, "the server's log says more"));
    }
  }

  /** Answers; nothing when the client has gone. */
  static void send(HttpServerResponse response, Reply reply) {
    if (response.ended() || response.closed()) {
      return;
    }
    response.setStatusCode(reply.status());
    if (!reply.mediaType().isEmpty()) {
      response.putHeader(HttpHeaders.CONTENT_TYPE, reply.mediaType());
    }
    if (reply.status() == ProblemType.UNAUTHORIZED.status()) {
      response.putHeader("WWW-Authenticate", "Bearer");
    }
    response.putHeader(HttpHeaders.CACHE_CONTROL, "no-store");
    response.end(reply.body());
  }

  private static Reply shuttingDown() {
    return Reply.problem(new Problem(ProblemType.SHUTTING_DOWN, "Vela is shutting down"));
  }

  private static Call call(RoutingContext context) {
    var query = new HashMap<String, String>();
    context.queryParams().forEach(entry -> query.putIfAbsent(entry.getKey(), entry.getValue()));
    var body = context.body() == null ? null : context.body().buffer();
    return new Call(
        java.util.Map.copyOf(context.pathParams()),
        java.util.Map.copyOf(query),
        body == null ? Buffer.buffer() : body);
  }

  // The scheme's name is without case (RFC 9110, 11.1).
  private static @Nullable Secret bearer(@Nullable String header) {
    var scheme = "bearer ";
    return header == null || !header.toLowerCase(Locale.ROOT).startsWith(scheme)
        ? null
        : new Secret(header.substring(scheme.length()).strip());
  }
}
