package io.vela.admin;

import io.vela.config.value.BranchName;
import io.vela.config.value.ByteSize;
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
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs actions on virtual threads and answers on the event loop. */
final class Dispatcher {
  private static final Logger log = LoggerFactory.getLogger(Dispatcher.class);

  private final Router router;
  private final ExecutorService threads;
  private final Connections connections;
  private final ByteSize maxBody;

  /**
   * @param threads virtual ones
   * @param maxBody of a request
   */
  Dispatcher(Router router, ExecutorService threads, Connections connections, ByteSize maxBody) {
    this.router = router;
    this.threads = threads;
    this.connections = connections;
    this.maxBody = maxBody;
  }

  /** Work whose outcome is answered on the event loop. */
  @FunctionalInterface
  private interface Work<T> {
    T run() throws Exception;
  }

  /** Runs the action for whoever asks; nothing of a body is kept. */
  void open(RoutingContext context, Call.Action action) {
    var call = call(context, Buffer.buffer());
    aside(context, () -> action.run(call), reply -> send(context.response(), reply));
  }

  /**
   * Runs the action for the bearer of a token that grants it. Only then its body is read: who has
   * shown nothing takes no memory.
   */
  void authorized(RoutingContext context, Call.Action action) {
    var bearer = bearer(context.request().getHeader(HttpHeaders.AUTHORIZATION));
    var about = call(context, Buffer.buffer()).about();
    context.request().pause();
    aside(
        context,
        () -> refusal(context, bearer, about),
        refusal ->
            refusal.ifPresentOrElse(
                reply -> refuse(context, reply), () -> readThenRun(context, action)));
  }

  private Optional<Reply> refusal(
      RoutingContext context, @Nullable Secret bearer, Optional<BranchName> about) {
    if (bearer == null) {
      return Optional.of(unauthorized("no bearer token was sent"));
    }
    try {
      router.authorize(bearer, about);
      return Optional.empty();
    } catch (RouteException e) {
      return Optional.of(
          switch (e.failure()) {
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
          });
    }
  }

  private void refuse(RoutingContext context, Reply reply) {
    var connection = context.request().connection();
    send(context.response(), reply);
    if (!context.request().isEnded()) {
      connections.reading(connection);
      Body.discard(context.request(), () -> connections.answered(connection));
    }
  }

  private void readThenRun(RoutingContext context, Call.Action action) {
    var connection = context.request().connection();
    connections.reading(connection);
    Body.read(context.request(), maxBody)
        .onSuccess(
            body -> {
              connections.working(connection);
              var call = call(context, body);
              aside(context, () -> action.run(call), reply -> send(context.response(), reply));
            })
        .onFailure(
            e -> {
              if (e instanceof ProblemException problem) {
                refuse(context, Reply.problem(problem.problem()));
              }
              // Else the connection has broken: there is nobody to answer.
            });
  }

  private static Reply unauthorized(String detail) {
    return Reply.problem(
        new Problem(
            ProblemType.UNAUTHORIZED, detail, "Send \"Authorization: Bearer vela_ID_SECRET\"."));
  }

  private <T> void aside(RoutingContext context, Work<T> work, Consumer<T> then) {
    var eventLoop = context.vertx().getOrCreateContext();
    try {
      threads.execute(
          () -> {
            try {
              var result = work.run();
              eventLoop.runOnContext(_ -> then.accept(result));
            } catch (Exception e) {
              var problem = problem(context, e);
              eventLoop.runOnContext(_ -> refuse(context, problem));
            }
          });
    } catch (RejectedExecutionException e) {
      send(context.response(), shuttingDown());
    }
  }

  private static Reply problem(RoutingContext context, Exception failure) {
    return switch (failure) {
      case ProblemException e -> Reply.problem(e.problem());
      case RouteException e -> Reply.problem(Problem.of(e.failure()));
      case InterruptedException _ -> shuttingDown();
      default -> {
        log.error(
            "request failed method={} path={}",
            context.request().method(),
            context.normalizedPath(),
            failure);
        yield Reply.problem(new Problem(ProblemType.INTERNAL, "the server's log says more"));
      }
    };
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

  private static Call call(RoutingContext context, Buffer body) {
    var query = new HashMap<String, String>();
    context.queryParams().forEach(entry -> query.putIfAbsent(entry.getKey(), entry.getValue()));
    return new Call(Map.copyOf(context.pathParams()), Map.copyOf(query), body);
  }

  // The scheme's name is without case (RFC 9110, 11.1).
  private static @Nullable Secret bearer(@Nullable String header) {
    var scheme = "bearer ";
    return header == null || !header.toLowerCase(Locale.ROOT).startsWith(scheme)
        ? null
        : new Secret(header.substring(scheme.length()).strip());
  }
}
