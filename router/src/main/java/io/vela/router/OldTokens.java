package io.vela.router;

import io.vela.agent.CloneException;
import io.vela.agent.Contents;
import io.vela.router.branch.Branches;
import io.vela.router.catalog.Catalog;
import io.vela.router.catalog.TokenRow;
import io.vela.router.catalog.TokenScope;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tokens of a branch or a baseline that an earlier Vela made for every role: from the first start
 * of this one on they are good for the role that a token is made for today, which is never a
 * superuser. Where there is no such role the token is revoked.
 */
final class OldTokens {
  private static final Logger log = LoggerFactory.getLogger(OldTokens.class);

  private final Catalog catalog;
  private final Branches branches;
  private final Baselines baselines;
  private final RoleContents contents;

  OldTokens(Catalog catalog, Branches branches, Baselines baselines, RoleContents contents) {
    this.catalog = catalog;
    this.branches = branches;
    this.baselines = baselines;
    this.contents = contents;
  }

  /** Narrows all that are left. What cannot be read now is tried again by the next start. */
  void narrow() throws RouteException {
    for (var token : catalog.tokensToNarrow()) {
      try {
        var role = contents(token).flatMap(OldTokens::role);
        catalog.narrowToken(token.id(), role);
        log.warn(
            "token of every role narrowed token={} role={}", token.id(), role.orElse("(revoked)"));
      } catch (CloneException e) {
        log.warn(
            "token of every role lets nobody in token={} cause=\"{}\"",
            token.id(),
            e.failure().message());
      }
    }
  }

  private static Optional<String> role(Contents contents) {
    return Optional.of(DefaultTarget.of(contents).role())
        .filter(role -> !role.equals(contents.superuser()));
  }

  private Optional<Contents> contents(TokenRow token) throws CloneException {
    return switch (token.scope()) {
      case TokenScope.OneBranch(var id) -> ofBranch(id);
      case TokenScope.OneBaseline(var name) -> baselines.contents(name);
      case TokenScope.OneName _, TokenScope.TheSystem _ -> Optional.empty();
    };
  }

  private Optional<Contents> ofBranch(long id) throws CloneException {
    var row =
        branches.all().stream()
            .flatMap(branch -> branch.row().stream())
            .filter(branch -> branch.id() == id)
            .findFirst();
    return row.isPresent() ? Optional.of(contents.of(row.get().cloneId())) : Optional.empty();
  }
}
