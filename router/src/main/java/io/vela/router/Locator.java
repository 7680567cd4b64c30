package io.vela.router;

import io.vela.agent.Role;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.branch.BranchState.Absent;
import io.vela.router.branch.BranchState.Creating;
import io.vela.router.branch.BranchState.Failed;
import io.vela.router.branch.BranchState.Trashed;
import io.vela.router.branch.BranchStatus;
import io.vela.router.branch.Branches;
import io.vela.router.catalog.TokenRow;
import io.vela.router.policy.CreatePolicy;
import io.vela.router.policy.Tokens;
import io.vela.router.route.BranchAddress;
import io.vela.router.route.BranchAddress.PresentedToken;
import io.vela.router.route.BranchAddressParser;
import io.vela.router.route.TokenId;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Finds what an address means and what a token may reach, waking and creating nothing. */
final class Locator {
  private static final Logger log = LoggerFactory.getLogger(Locator.class);

  private final Branches branches;
  private final CreatePolicy policy;
  private final Tokens tokens;

  Locator(Branches branches, CreatePolicy policy, Tokens tokens) {
    this.branches = branches;
    this.policy = policy;
    this.tokens = tokens;
  }

  /** Whether people should see it: being made, there, or on its way out. */
  static boolean isThere(BranchStatus branch) {
    return switch (branch.state()) {
      case Absent _, Trashed _ -> false;
      case Failed failed -> failed.step() != Failed.Step.CREATE;
      default -> true;
    };
  }

  /** Blocks when the address has a token, for the catalogue and for deriving a key. */
  Target locate(BranchAddress address) throws RouteException {
    var token =
        address.token().isPresent()
            ? Optional.of(tokens.find(address.token().get()))
            : Optional.<TokenRow>empty();
    if (token.isPresent()) {
      checkRole(token.get(), address);
    }
    var name = branchName(address, token);
    var known = branches.find(name).filter(Locator::isThere);
    var row = known.flatMap(BranchStatus::row);
    if (row.isPresent()) {
      checkReplication(name, row.get().baseline(), address);
      return new Target(name, Optional.empty(), address);
    }
    var from =
        (known.isPresent() && known.get().state() instanceof Creating creating
                ? Optional.of(creating.from())
                : policy.baselineFor(name))
            .orElseThrow(() -> new RouteException(new RouteFailure.NoSuchBranch(name)));
    checkReplication(name, from, address);
    return new Target(name, Optional.of(from), address);
  }

  private void checkReplication(BranchName name, BaselineName baseline, BranchAddress address)
      throws RouteException {
    if (address.isReplication() && !policy.mayReplicate(baseline)) {
      throw new RouteException(new RouteFailure.ReplicationForbidden(name, baseline));
    }
  }

  private static void checkRole(TokenRow token, BranchAddress address) throws RouteException {
    if (token.role().isPresent() && !token.role().get().equals(address.role())) {
      throw new RouteException(
          new RouteFailure.NotGranted("the token does not grant role \"" + address.role() + "\""));
    }
  }

  private BranchName branchName(BranchAddress address, Optional<TokenRow> token)
      throws RouteException {
    var scope = token.flatMap(TokenRow::branch);
    if (scope.isEmpty()) {
      return address
          .branch()
          .orElseThrow(() -> new RouteException(new RouteFailure.NoBranchNamed()));
    }
    // A row whose branch is not known here any more is a branch that is gone.
    var own =
        branches.all().stream()
            .filter(branch -> branch.row().filter(row -> row.id() == scope.get()).isPresent())
            .map(BranchStatus::name)
            .findFirst()
            .orElseThrow(() -> new RouteException(new RouteFailure.BadToken()));
    if (address.branch().isPresent() && !address.branch().get().equals(own)) {
      throw new RouteException(
          new RouteFailure.NotGranted(
              "the token does not grant branch \"" + address.branch().get() + "\""));
    }
    return own;
  }

  /**
   * A role whose password is the token's secret, when a token was presented as user. Blocks.
   *
   * @param inBranch the role of that name in the branch
   */
  Optional<Role> roleOfToken(Target target, Optional<Role> inBranch) throws RouteException {
    if (!(target.address().token().orElse(null) instanceof PresentedToken.AsUser presented)) {
      return Optional.empty();
    }
    var token = tokens.find(presented);
    return Optional.of(
        new Role(
            target.address().role(),
            Optional.of(token.verifier()),
            inBranch.map(Role::canLogin).orElse(true),
            inBranch.map(Role::superuser).orElse(false),
            inBranch.map(Role::connectionLimit).orElse(-1),
            token.expiresAt()));
  }

  Optional<TokenId> verifySystemToken(Secret bearer) {
    try {
      var presented = BranchAddressParser.parseBearer(bearer.reveal());
      return Optional.of(tokens.find(presented))
          .filter(token -> token.branch().isEmpty())
          .map(TokenRow::id);
    } catch (RouteException e) {
      if (e.failure() instanceof RouteFailure.CatalogUnavailable down) {
        log.warn("token not checked cause=\"{}\"", down.detail());
      }
      return Optional.empty();
    }
  }
}
