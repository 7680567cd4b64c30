package io.vela.admin;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.config.HttpConfig;
import io.vela.config.value.HostPort;
import io.vela.router.Router;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;

/** What answers where. */
final class AdminRoutes {
  private static final String METRICS = "/metrics";
  private static final Map<Integer, ProblemType> ERRORS =
      Map.of(
          400, ProblemType.MALFORMED,
          404, ProblemType.NOT_FOUND,
          405, ProblemType.METHOD_NOT_ALLOWED);

  private final Router router;
  private final Operations operations;
  private final MetricsPage metrics;
  private final HostPort proxy;
  private final Reload reload;
  private final Health health;
  private final HttpConfig config;
  private final Connections connections;
  private final Dispatcher dispatcher;

  AdminRoutes(
      Router router,
      Operations operations,
      MetricsPage metrics,
      HostPort proxy,
      Reload reload,
      Health health,
      HttpConfig config,
      Connections connections,
      Dispatcher dispatcher) {
    this.router = router;
    this.operations = operations;
    this.metrics = metrics;
    this.proxy = proxy;
    this.reload = reload;
    this.health = health;
    this.config = config;
    this.connections = connections;
    this.dispatcher = dispatcher;
  }

  io.vertx.ext.web.Router build(Vertx vertx) {
    var routes = io.vertx.ext.web.Router.router(vertx);
    var hosts = new RequestedHost(config);
    routes.route().handler(context -> admit(context, hosts));
    routes.get("/healthz").handler(context -> dispatcher.open(context, _ -> health.reply()));
    switch (config.metrics()) {
      case OPEN -> routes.get(METRICS).handler(context -> dispatcher.open(context, _ -> metrics()));
      case TOKEN -> add(routes, HttpMethod.GET, METRICS, _ -> metrics());
    }

    var branches = new BranchActions(router);
    add(routes, HttpMethod.GET, "/v1/branches", branches::list);
    add(routes, HttpMethod.GET, "/v1/branches/:name", branches::show);
    add(routes, HttpMethod.POST, "/v1/branches/:name", branches::create);
    add(routes, HttpMethod.DELETE, "/v1/branches/:name", branches::delete);
    add(routes, HttpMethod.POST, "/v1/branches/:name/suspend", branches::suspend);
    add(routes, HttpMethod.POST, "/v1/branches/:name/resume", branches::resume);
    add(routes, HttpMethod.POST, "/v1/branches/:name/restart", branches::restart);
    add(routes, HttpMethod.PUT, "/v1/branches/:name/settings", branches::configure);
    add(routes, HttpMethod.GET, "/v1/branches/:name/why", branches::why);
    add(routes, HttpMethod.GET, "/v1/branches/:name/usage", branches::usage);
    var sessions = new SessionActions(router);
    add(routes, HttpMethod.GET, "/v1/sessions", sessions::all);
    add(routes, HttpMethod.GET, "/v1/branches/:name/sessions", sessions::ofBranch);
    var baselines = new BaselineActions(router, operations);
    add(routes, HttpMethod.GET, "/v1/baselines", baselines::list);
    add(routes, HttpMethod.POST, "/v1/baselines", baselines::importOne);
    add(routes, HttpMethod.GET, "/v1/operations/:id", baselines::operation);
    add(routes, HttpMethod.DELETE, "/v1/operations/:id", baselines::cancel);
    var tokens = new TokenActions(router, proxy);
    add(routes, HttpMethod.GET, "/v1/tokens", tokens::list);
    add(routes, HttpMethod.POST, "/v1/tokens", tokens::mint);
    add(routes, HttpMethod.POST, "/v1/reload", new ReloadAction(reload)::run);
    add(routes, HttpMethod.DELETE, "/v1/tokens/:id", tokens::revoke);
    add(routes, HttpMethod.POST, "/v1/tokens/:id/rotate", tokens::rotate);
    var pool = new PoolActions(router);
    add(routes, HttpMethod.GET, "/v1/pool", pool::show);
    add(routes, HttpMethod.DELETE, "/v1/pool/quarantine/:id", pool::purge);
    add(routes, HttpMethod.GET, "/v1/diagnosis", _ -> health.diagnosis());
    add(routes, HttpMethod.GET, "/v1/openapi.yaml", _ -> openApi());

    ERRORS.forEach(
        (status, type) -> routes.errorHandler(status, context -> unanswered(context, type)));
    routes.errorHandler(500, context -> unanswered(context, ProblemType.INTERNAL));
    return routes;
  }

  /** What comes before all else, for every path. */
  private void admit(RoutingContext context, RequestedHost hosts) {
    var connection = context.request().connection();
    connections.working(connection);
    context.addEndHandler(_ -> connections.answered(connection));
    hosts
        .refusal(context.request())
        .ifPresentOrElse(
            problem -> Dispatcher.send(context.response(), Reply.problem(problem)), context::next);
  }

  private void add(
      io.vertx.ext.web.Router routes, HttpMethod method, String path, Call.Action action) {
    routes.route(method, path).handler(context -> dispatcher.authorized(context, action));
  }

  // What Vert.x refuses by itself, before an action has seen it.
  private static void unanswered(RoutingContext context, ProblemType type) {
    var detail = context.request().method() + " " + context.normalizedPath();
    Dispatcher.send(context.response(), Reply.problem(new Problem(type, detail)));
  }

  private Reply metrics() {
    return Reply.text("text/plain; version=0.0.4; charset=utf-8", metrics.scrape());
  }

  private static Reply openApi() {
    try (var in = AdminRoutes.class.getResourceAsStream("openapi.yaml")) {
      if (in == null) {
        throw new IllegalStateException("openapi.yaml is not on the class path");
      }
      return Reply.text("application/yaml", new String(in.readAllBytes(), UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
