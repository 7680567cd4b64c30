package io.vela.router;

import io.vela.agent.Contents;
import io.vela.agent.Role;
import io.vela.config.TokenPolicy;
import io.vela.config.VelaConfig;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.Router.IssuedToken;
import io.vela.router.Router.MintedToken;
import io.vela.router.Router.TokenView;
import io.vela.router.TokenRequest.Lifetime;
import io.vela.router.branch.BranchStatus;
import io.vela.router.branch.Branches;
import io.vela.router.catalog.BranchRow;
import io.vela.router.catalog.Catalog;
import io.vela.router.catalog.Event;
import io.vela.router.catalog.TokenRight;
import io.vela.router.catalog.TokenRow;
import io.vela.router.catalog.TokenScope;
import io.vela.router.catalog.TokenState;
import io.vela.router.policy.CreatePolicy;
import io.vela.router.policy.Tokens;
import io.vela.router.route.BranchAddress;
import io.vela.router.route.TokenId;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What people and programs have done with tokens; see {@link Router}. Blocks. */
final class TokenDesk {
  private static final Logger log = LoggerFactory.getLogger(TokenDesk.class);

  private final Supplier<VelaConfig> config;
  private final Branches branches;
  private final Baselines baselines;
  private final BranchDesk desk;
  private final CurrentRoles roles;
  private final CreatePolicy policy;
  private final Tokens tokens;
  private final Catalog catalog;

  TokenDesk(
      Supplier<VelaConfig> config,
      Branches branches,
      Baselines baselines,
      BranchDesk desk,
      CurrentRoles roles,
      CreatePolicy policy,
      Tokens tokens,
      Catalog catalog) {
    this.config = config;
    this.branches = branches;
    this.baselines = baselines;
    this.desk = desk;
    this.roles = roles;
    this.policy = policy;
    this.tokens = tokens;
    this.catalog = catalog;
  }

  IssuedToken mint(TokenRequest request, Instant now) throws RouteException, InterruptedException {
    var reach = reach(request);
    var granted = granted(request, reach);
    boolean superuser =
        TokenRequest.connects(request.rights()) && isSuperuser(request.roles(), granted, reach);
    var expiresAt = lifetime(request.lifetime(), reach.policies()).map(now::plus);
    var token = tokens.mint(reach.scope(), granted, request.rights(), expiresAt);
    catalog.record(
        new Event(
            "token.minted",
            token.id().value(),
            "%s, rights %s, roles %s%s, %s"
                .formatted(
                    reach.description(),
                    new TreeSet<>(request.rights()),
                    granted.isEmpty() ? "any" : granted,
                    superuser ? " (superuser)" : "",
                    expiresAt.map(at -> "until " + at).orElse("for ever"))));
    var target = reach.defaults();
    return new IssuedToken(
        token,
        granted,
        granted.stream().findFirst().or(() -> target.map(DefaultTarget::role)).orElse(""),
        target.map(DefaultTarget::database).orElse(""),
        superuser,
        expiresAt);
  }

  /**
   * What a request reaches.
   *
   * @param policies the baselines whose policies hold for it
   * @param target the one branch, as a client would name it
   * @param contents what is in the branch or in the baselines' newest snapshots
   */
  private record Reach(
      TokenScope scope,
      String description,
      Collection<BaselineName> policies,
      Optional<Target> target,
      List<Contents> contents) {
    /** Empty for the system, which has no one. */
    Optional<DefaultTarget> defaults() {
      return scope instanceof TokenScope.TheSystem
          ? Optional.empty()
          : contents.stream().findFirst().map(DefaultTarget::of);
    }
  }

  private Reach reach(TokenRequest request) throws RouteException {
    return switch (request.subject()) {
      case TokenRequest.OfBranch(var name) ->
          branch(name, request.rights().contains(TokenRight.CREATE));
      case TokenRequest.OfBaseline(var name) -> {
        if (!baselines.exists(name)) {
          throw new RouteException(new RouteFailure.NoSuchBaseline(name.value()));
        }
        yield new Reach(
            new TokenScope.OneBaseline(name),
            "for baseline " + name,
            Set.of(name),
            Optional.empty(),
            baselines.contents(name).stream().toList());
      }
      case TokenRequest.OfSystem _ -> {
        var all = baselines.all().keySet();
        yield new Reach(
            new TokenScope.TheSystem(),
            "for the system",
            all,
            Optional.empty(),
            all.stream().flatMap(name -> baselines.contents(name).stream()).toList());
      }
    };
  }

  private Reach branch(BranchName name, boolean mayCreate) throws RouteException {
    var row = branches.find(name).filter(Locator::isThere).flatMap(BranchStatus::row);
    var from =
        row.map(BranchRow::baseline)
            .or(() -> mayCreate ? policy.baselineFor(name) : Optional.empty())
            .orElseThrow(() -> new RouteException(new RouteFailure.NoSuchBranch(name)));
    var address =
        new BranchAddress("postgres", "postgres", Optional.of(name), Optional.empty(), Map.of());
    var target = new Target(name, row.isPresent() ? Optional.empty() : Optional.of(from), address);
    return new Reach(
        mayCreate ? new TokenScope.OneName(name) : new TokenScope.OneBranch(row.orElseThrow().id()),
        "for branch " + name,
        Set.of(from),
        Optional.of(target),
        List.of(desk.contents(target)));
  }

  private static List<String> granted(TokenRequest request, Reach reach) {
    return switch (request.roles()) {
      case TokenRequest.Any _ -> List.of();
      case TokenRequest.Named(var names) -> names;
      case TokenRequest.Standard _ ->
          TokenRequest.connects(request.rights())
              ? List.of(reach.defaults().orElseThrow().role())
              : List.of();
    };
  }

  private boolean isSuperuser(TokenRequest.Roles asked, List<String> granted, Reach reach)
      throws RouteException, InterruptedException {
    if (asked instanceof TokenRequest.Any) {
      return true;
    }
    for (var name : granted) {
      if (isSuperuser(name, reach)) {
        return true;
      }
    }
    return false;
  }

  private boolean isSuperuser(String role, Reach reach)
      throws RouteException, InterruptedException {
    if (reach.target().isPresent()) {
      var target = reach.target().get();
      var address = target.address();
      var asRole =
          new BranchAddress(
              role, address.database(), address.branch(), address.token(), address.parameters());
      return roles
          .find(new Target(target.branch(), target.createFrom(), asRole))
          .filter(Role::superuser)
          .isPresent();
    }
    return reach.contents().stream()
        .anyMatch(contents -> contents.role(role).filter(Role::superuser).isPresent());
  }

  private Optional<Duration> lifetime(Lifetime asked, Collection<BaselineName> policies) {
    return switch (asked) {
      case TokenRequest.For(var time) -> Optional.of(time);
      case TokenRequest.Endless _ -> Optional.empty();
      case TokenRequest.ByPolicy _ when policies.isEmpty() -> TokenPolicy.DEFAULT.lifetime();
      case TokenRequest.ByPolicy _ ->
          policies.stream()
              .map(name -> config.get().policy(name).tokens())
              .map(TokenPolicy::lifetime)
              .flatMap(Optional::stream)
              .min(Duration::compareTo);
    };
  }

  /**
   * @param lifetime from now on; empty leaves its end as it is
   */
  MintedToken rotate(TokenId id, Optional<Lifetime> lifetime, Instant now) throws RouteException {
    var row = existing(id);
    var end =
        lifetime.isEmpty()
            ? row.expiresAt()
            : lifetime(lifetime.get(), policies(row)).map(now::plus);
    if (row.revoked() || end.filter(at -> !now.isBefore(at)).isPresent()) {
      throw notGood(id, row.revoked() ? TokenState.REVOKED : TokenState.EXPIRED);
    }
    var token = tokens.rotate(id, end).orElseThrow(() -> notGood(id, TokenState.REVOKED));
    catalog.record(
        new Event("token.rotated", id.value(), end.map(at -> "until " + at).orElse("for ever")));
    log.info("token rotated token={}", id);
    return token;
  }

  private static RouteException notGood(TokenId id, TokenState state) {
    return new RouteException(new RouteFailure.TokenNotGood(id.value(), state.toString()));
  }

  private Collection<BaselineName> policies(TokenRow row) {
    return switch (row.scope()) {
      case TokenScope.TheSystem _ -> baselines.all().keySet();
      case TokenScope.OneBaseline(var name) -> Set.of(name);
      case TokenScope.OneName(var name) ->
          branches
              .find(name)
              .flatMap(BranchStatus::row)
              .map(BranchRow::baseline)
              .or(() -> policy.baselineFor(name))
              .stream()
              .toList();
      case TokenScope.OneBranch(var id) ->
          branches.all().stream()
              .flatMap(branch -> branch.row().stream())
              .filter(branch -> branch.id() == id)
              .map(BranchRow::baseline)
              .toList();
    };
  }

  List<TokenView> all() throws RouteException {
    var names =
        branches.all().stream()
            .flatMap(branch -> branch.row().stream())
            .collect(Collectors.toMap(row -> row.id(), row -> row.name(), (first, _) -> first));
    return catalog.tokens().stream().map(row -> view(row, names)).toList();
  }

  private TokenView view(TokenRow row, Map<Long, BranchName> names) {
    return new TokenView(
        row.id(),
        switch (row.scope()) {
          case TokenScope.OneBranch(var branch) -> Optional.ofNullable(names.get(branch));
          case TokenScope.OneName(var name) -> Optional.of(name);
          case TokenScope.OneBaseline _, TokenScope.TheSystem _ -> Optional.empty();
        },
        row.scope() instanceof TokenScope.OneBaseline(var name)
            ? Optional.of(name)
            : Optional.empty(),
        row.roles(),
        row.rights(),
        row.createdAt(),
        row.expiresAt(),
        row.revokedAt(),
        tokens.state(row));
  }

  void revoke(TokenId id) throws RouteException {
    existing(id);
    if (catalog.revokeToken(id)) {
      catalog.record(new Event("token.revoked", id.value(), ""));
    }
  }

  private TokenRow existing(TokenId id) throws RouteException {
    return catalog
        .token(id)
        .orElseThrow(() -> new RouteException(new RouteFailure.NoSuchToken(id.value())));
  }

  /**
   * Removes tokens that ended long ago. What fails is tried again the next time.
   *
   * @param inUse those on which sessions stand
   */
  void prune(Set<TokenId> inUse) {
    try {
      for (var id : tokens.prune(inUse)) {
        catalog.record(new Event("token.pruned", id.value(), ""));
        log.info("token pruned token={}", id);
      }
    } catch (RouteException e) {
      log.warn("tokens not pruned cause=\"{}\"", e.failure().message());
    }
  }
}
