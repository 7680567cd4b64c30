package io.vela.router;

import io.vela.config.value.BranchName;
import io.vela.router.Router.MintedToken;
import io.vela.router.Router.TokenRequest;
import io.vela.router.Router.TokenView;
import io.vela.router.branch.BranchStatus;
import io.vela.router.branch.Branches;
import io.vela.router.catalog.Catalog;
import io.vela.router.catalog.Event;
import io.vela.router.catalog.TokenRow;
import io.vela.router.catalog.TokenScope;
import io.vela.router.policy.Tokens;
import io.vela.router.route.TokenId;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** What people and programs have done with tokens; see {@link Router}. Blocks. */
final class TokenDesk {
  private final Branches branches;
  private final Baselines baselines;
  private final Tokens tokens;
  private final Catalog catalog;

  TokenDesk(Branches branches, Baselines baselines, Tokens tokens, Catalog catalog) {
    this.branches = branches;
    this.baselines = baselines;
    this.tokens = tokens;
    this.catalog = catalog;
  }

  MintedToken mint(TokenRequest request) throws RouteException {
    var token = tokens.mint(scope(request), request.roles(), request.rights(), request.expiresAt());
    var target =
        request
            .branch()
            .map(name -> "for branch " + name)
            .or(() -> request.baseline().map(name -> "for baseline " + name))
            .orElse("for the system");
    catalog.record(
        new Event(
            "token.minted",
            token.id().value(),
            "%s, rights %s, roles %s"
                .formatted(
                    target,
                    new TreeSet<>(request.rights()),
                    request.roles().isEmpty() ? "any" : request.roles())));
    return token;
  }

  private TokenScope scope(TokenRequest request) throws RouteException {
    if (request.branch().isPresent()) {
      var name = request.branch().get();
      var row = branches.find(name).filter(Locator::isThere).flatMap(BranchStatus::row);
      return new TokenScope.OneBranch(
          row.orElseThrow(() -> new RouteException(new RouteFailure.NoSuchBranch(name))).id());
    }
    if (request.baseline().isPresent()) {
      var name = request.baseline().get();
      if (!baselines.exists(name)) {
        throw new RouteException(new RouteFailure.NoSuchBaseline(name.value()));
      }
      return new TokenScope.OneBaseline(name);
    }
    return new TokenScope.TheSystem();
  }

  List<TokenView> all() throws RouteException {
    var names =
        branches.all().stream()
            .flatMap(branch -> branch.row().stream())
            .collect(Collectors.toMap(row -> row.id(), row -> row.name(), (first, _) -> first));
    return catalog.tokens().stream().map(row -> view(row, names)).toList();
  }

  private static TokenView view(TokenRow row, Map<Long, BranchName> names) {
    return new TokenView(
        row.id(),
        row.scope() instanceof TokenScope.OneBranch(var branch)
            ? Optional.ofNullable(names.get(branch))
            : Optional.empty(),
        row.scope() instanceof TokenScope.OneBaseline(var name)
            ? Optional.of(name)
            : Optional.empty(),
        row.roles(),
        row.rights(),
        row.createdAt(),
        row.expiresAt(),
        row.revoked());
  }

  void revoke(TokenId id) throws RouteException {
    if (catalog.token(id).isEmpty()) {
      throw new RouteException(new RouteFailure.NoSuchToken(id.value()));
    }
    if (catalog.revokeToken(id)) {
      catalog.record(new Event("token.revoked", id.value(), ""));
    }
  }
}
