package io.vela.admin;

import io.vela.config.TokenPolicy;
import io.vela.config.value.BranchName;
import io.vela.config.value.HostPort;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router;
import io.vela.router.TokenRequest;
import io.vela.router.catalog.TokenRight;
import io.vela.router.route.BranchAddress;
import io.vela.router.route.TokenId;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
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
  private final HostPort proxy;

  /**
   * @param proxy where Postgres clients connect
   */
  TokenActions(Router router, HostPort proxy) {
    this.router = router;
    this.proxy = proxy;
  }

  Reply mint(Call call) throws Exception {
    var body =
        call.json(
            "branch",
            "baseline",
            "system",
            "roles",
            "role",
            "anyRole",
            "rights",
            "database",
            "expiresIn");
    var request = request(body);
    var role = body.text("role");
    var database = body.text("database");
    var branch = body.branch("branch");
    if (branch.isPresent() && !request.rights().contains(TokenRight.CREATE)) {
      ensure(branch.get());
    }
    var issued = router.mintToken(request);
    var token = issued.token();
    var json =
        secret(token)
            .put("roles", new JsonArray(issued.roles()))
            .put("anyRole", request.roles() instanceof TokenRequest.Any)
            .put("superuser", issued.superuser());
    issued.expiresAt().ifPresent(at -> json.put("expiresAt", at.toString()));
    if (branch.isPresent() && request.rights().contains(TokenRight.CONNECT)) {
      var user = role.orElse(issued.role()) + "~" + token.id();
      var name = database.orElse(issued.database());
      var host = ANY_ADDRESS.contains(proxy.host()) ? "localhost" : proxy.host();
      var address = new HostPort(host, proxy.port());
      json.put("user", user)
          .put("host", host)
          .put("port", proxy.port())
          .put("database", name)
          .put(
              "url",
              "postgresql://%s:%s@%s/%s"
                  .formatted(encode(user), encode(token.secret().reveal()), address, encode(name)));
    }
    return Reply.created(json);
  }

  private static JsonObject secret(Router.MintedToken token) {
    return new JsonObject()
        .put("id", token.id().value())
        .put("secret", token.secret().reveal())
        .put("bearer", token.bearer().reveal());
  }

  private static TokenRequest request(Call.Json body) throws ProblemException {
    var rights = EnumSet.noneOf(TokenRight.class);
    try {
      body.texts("rights").stream().map(TokenRight::parse).forEach(rights::add);
      return new TokenRequest(
          subject(body),
          roles(body),
          rights.isEmpty() ? EnumSet.of(TokenRight.CONNECT) : rights,
          lifetime(body).orElseGet(TokenRequest.ByPolicy::new));
    } catch (IllegalArgumentException e) {
      throw ProblemException.malformed(String.valueOf(e.getMessage()));
    }
  }

  private static TokenRequest.Subject subject(Call.Json body) throws ProblemException {
    var named = new ArrayList<TokenRequest.Subject>();
    body.branch("branch").map(TokenRequest.OfBranch::new).ifPresent(named::add);
    body.baselineIfAny("baseline").map(TokenRequest.OfBaseline::new).ifPresent(named::add);
    if (body.flag("system")) {
      named.add(new TokenRequest.OfSystem());
    }
    if (named.size() != 1) {
      throw ProblemException.malformed(
          "a token is for one of \"branch\", \"baseline\" and \"system\" (true)");
    }
    return named.getFirst();
  }

  private static TokenRequest.Roles roles(Call.Json body) throws ProblemException {
    var roles = body.texts("roles");
    var role = body.text("role");
    if (body.flag("anyRole")) {
      if (!roles.isEmpty()) {
        throw ProblemException.malformed("a token is for \"roles\" or for \"anyRole\", not both");
      }
      return new TokenRequest.Any();
    }
    if (roles.isEmpty()) {
      return role.<TokenRequest.Roles>map(name -> new TokenRequest.Named(List.of(name)))
          .orElseGet(TokenRequest.Standard::new);
    }
    if (role.isPresent() && !roles.contains(role.get())) {
      throw ProblemException.malformed("\"role\" is not one of \"roles\"");
    }
    return new TokenRequest.Named(roles);
  }

  private static Optional<TokenRequest.Lifetime> lifetime(Call.Json body) throws ProblemException {
    if (body.text("expiresIn").equals(Optional.of(TokenPolicy.NEVER))) {
      return Optional.of(new TokenRequest.Endless());
    }
    var time = body.duration("expiresIn");
    try {
      return time.map(TokenRequest.For::new);
    } catch (IllegalArgumentException e) {
      throw ProblemException.malformed("expiresIn: " + e.getMessage());
    }
  }

  Reply rotate(Call call) throws Exception {
    var body = call.json("expiresIn");
    return Reply.ok(secret(router.rotateToken(id(call), lifetime(body))));
  }

  Reply list(Call call) throws Exception {
    var tokens = new JsonArray();
    router.tokens().forEach(view -> tokens.add(Views.token(view)));
    return Reply.ok(new JsonObject().put("tokens", tokens));
  }

  Reply revoke(Call call) throws Exception {
    router.revokeToken(id(call));
    return Reply.noContent();
  }

  private static TokenId id(Call call) throws ProblemException {
    var id = call.path("id");
    if (!TokenId.isValid(id)) {
      throw ProblemException.malformed("\"" + id + "\" is not a token's id");
    }
    return new TokenId(id);
  }

  private void ensure(BranchName name) throws RouteException, InterruptedException {
    try {
      router.branch(name);
    } catch (RouteException e) {
      if (!(e.failure() instanceof RouteFailure.NoSuchBranch)) {
        throw e;
      }
      create(name);
    }
  }

  // What a connection may create is created here too: a token without the right to create belongs
  // to a branch that is there.
  private void create(BranchName name) throws RouteException, InterruptedException {
    var address =
        new BranchAddress("postgres", "postgres", Optional.of(name), Optional.empty(), Map.of());
    try {
      var from = router.locate(address).toCompletableFuture().get().createFrom();
      if (from.isPresent()) {
        router.createBranch(name, from.get(), Router.BranchSettings.POLICY);
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RouteException failure) {
        throw failure;
      }
      throw new IllegalStateException("locating branch " + name + " failed", e.getCause());
    } catch (RouteException e) {
      if (!(e.failure() instanceof RouteFailure.AlreadyExists)) {
        throw e;
      }
    }
  }

  private static String encode(String text) {
    // URLEncoder is for forms, where a space is a plus sign; ~ is unreserved (RFC 3986, 2.3).
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20").replace("%7E", "~");
  }
}
