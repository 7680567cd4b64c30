package io.vela.admin;

import io.vela.config.value.BranchName;
import io.vela.config.value.HostPort;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router;
import io.vela.router.catalog.TokenRight;
import io.vela.router.route.BranchAddress;
import io.vela.router.route.TokenId;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;

/** {@code /v1/tokens}: secrets, and the connection strings that carry them. */
final class TokenActions {
  private static final Set<String> ANY_ADDRESS = Set.of("0.0.0.0", "::", "0:0:0:0:0:0:0:0");

  private final Router router;
  private final Clock clock;
  private final HostPort proxy;

  /**
   * @param proxy where Postgres clients connect
   */
  TokenActions(Router router, Clock clock, HostPort proxy) {
    this.router = router;
    this.clock = clock;
    this.proxy = proxy;
  }

  Reply mint(Call call) throws Exception {
    var body = call.json("branch", "baseline", "roles", "rights", "role", "database", "expiresIn");
    var branch = body.branch("branch");
    var expiresAt = body.duration("expiresIn").map(clock.instant()::plus);
    var roles = body.texts("roles");
    var role = body.text("role").or(() -> roles.stream().findFirst());
    var database = body.text("database");
    var request = request(body, branch, roles, expiresAt);
    // First what may fail, so that no token is made that nobody gets to see.
    var defaults =
        branch.isEmpty() ? Optional.<Defaults>empty() : Optional.of(defaults(branch.get()));
    var token = router.mintToken(request);
    var json =
        new JsonObject()
            .put("id", token.id().value())
            .put("secret", token.secret().reveal())
            .put("bearer", token.bearer().reveal());
    expiresAt.ifPresent(at -> json.put("expiresAt", at.toString()));
    defaults.ifPresent(
        found -> {
          var user = role.orElse(found.role()) + "~" + token.id();
          var name = database.orElse(found.database());
          var host = ANY_ADDRESS.contains(proxy.host()) ? "localhost" : proxy.host();
          var address = new HostPort(host, proxy.port());
          json.put("user", user)
              .put("host", host)
              .put("port", proxy.port())
              .put("database", name)
              .put(
                  "url",
                  "postgresql://%s:%s@%s/%s"
                      .formatted(
                          encode(user), encode(token.secret().reveal()), address, encode(name)));
        });
    return Reply.created(json);
  }

  private static Router.TokenRequest request(
      Call.Json body, Optional<BranchName> branch, List<String> roles, Optional<Instant> expiresAt)
      throws ProblemException {
    var named = body.texts("rights");
    var rights = EnumSet.noneOf(TokenRight.class);
    try {
      named.stream().map(TokenRight::parse).forEach(rights::add);
      var baseline = body.baselineIfAny("baseline");
      if (named.isEmpty() && (branch.isPresent() || baseline.isPresent())) {
        rights.add(TokenRight.CONNECT);
      }
      return new Router.TokenRequest(
          branch, baseline, roles, rights.isEmpty() ? TokenRight.ALL : rights, expiresAt);
    } catch (IllegalArgumentException e) {
      throw ProblemException.malformed(String.valueOf(e.getMessage()));
    }
  }

  Reply list(Call call) throws Exception {
    var tokens = new JsonArray();
    router.tokens().forEach(view -> tokens.add(Views.token(view)));
    return Reply.ok(new JsonObject().put("tokens", tokens));
  }

  Reply revoke(Call call) throws Exception {
    var id = call.path("id");
    if (!TokenId.isValid(id)) {
      throw ProblemException.malformed("\"" + id + "\" is not a token's id");
    }
    router.revokeToken(new TokenId(id));
    return Reply.noContent();
  }

  /** Whom and what a URL names that names neither. */
  private record Defaults(String role, String database) {}

  private Defaults defaults(BranchName name) throws RouteException, InterruptedException {
    var view = view(name);
    return new Defaults(view.defaultRole(), view.defaultDatabase());
  }

  private Router.BranchView view(BranchName name) throws RouteException, InterruptedException {
    try {
      return router.branch(name);
    } catch (RouteException e) {
      if (e.failure() instanceof RouteFailure.NoSuchBranch) {
        return create(name);
      }
      throw e;
    }
  }

  // What a connection may create is created here too: a token belongs to a branch that is there.
  private Router.BranchView create(BranchName name) throws RouteException, InterruptedException {
    var address =
        new BranchAddress("postgres", "postgres", Optional.of(name), Optional.empty(), Map.of());
    try {
      var from = router.locate(address).toCompletableFuture().get().createFrom();
      return from.isEmpty()
          ? router.branch(name)
          : router.createBranch(name, from.get(), Router.BranchSettings.POLICY);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RouteException failure) {
        throw failure;
      }
      throw new IllegalStateException("locating branch " + name + " failed", e.getCause());
    } catch (RouteException e) {
      if (e.failure() instanceof RouteFailure.AlreadyExists) {
        return router.branch(name);
      }
      throw e;
    }
  }

  private static String encode(String text) {
    // URLEncoder is for forms, where a space is a plus sign; ~ is unreserved (RFC 3986, 2.3).
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20").replace("%7E", "~");
  }
}
