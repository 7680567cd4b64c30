package io.vela.router;

import io.vela.agent.Role;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.RouteFailure.BadToken;
import io.vela.router.branch.BranchState.Absent;
import io.vela.router.branch.BranchState.Creating;
import io.vela.router.branch.BranchState.Failed;
import io.vela.router.branch.BranchState.Trashed;
import io.vela.router.branch.BranchStatus;
import io.vela.router.branch.Branches;
import io.vela.router.catalog.TokenRight;
import io.vela.router.catalog.TokenRow;
import io.vela.router.catalog.TokenScope;
import io.vela.router.policy.CreatePolicy;
import io.vela.router.policy.Tokens;
import io.vela.router.route.BranchAddress;
import io.vela.router.route.BranchAddressParser;
import io.vela.router.route.TokenId;
import java.util.EnumSet;
import java.util.Optional;

/** Finds what an address means and what a token may reach, waking and creating nothing. */
final class Locator {
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

  /**
   * Does not block.
   *
   * @param token what was found of the address's
   */
  Target locate(BranchAddress address, Optional<TokenRow> token) throws RouteException {
    checkRole(token, address);
    var name = branchName(address, token);
    var known = branches.find(name).filter(Locator::isThere);
    var row = known.flatMap(BranchStatus::row);
    if (row.isPresent()) {
      check(token, row.get().baseline(), TokenRight.CONNECT);
      checkReplication(name, row.get().baseline(), address);
      return new Target(name, Optional.empty(), address);
    }
    var from =
        (known.isPresent() && known.get().state() instanceof Creating creating
                ? Optional.of(creating.from())
                : policy.baselineFor(name))
            .orElseThrow(() -> new RouteException(new RouteFailure.NoSuchBranch(name)));
    check(token, from, TokenRight.CREATE);
    checkReplication(name, from, address);
    return new Target(name, Optional.of(from), address);
  }

  private void checkReplication(BranchName name, BaselineName baseline, BranchAddress address)
      throws RouteException {
    if (address.isReplication() && !policy.mayReplicate(baseline)) {
      throw new RouteException(new RouteFailure.ReplicationForbidden(name, baseline));
    }
  }

  // A token is the credential of its roles. Another role is refused as with a wrong password, so
  // that whoever has no secret learns nothing of what a token is for.
  private static void checkRole(Optional<TokenRow> token, BranchAddress address)
      throws RouteException {
    if (token.isPresent() && !token.get().allowsRole(address.role())) {
      throw bad(token.get(), BadToken.Reason.OTHER_ROLE);
    }
  }

  private static RouteException bad(TokenRow token, BadToken.Reason reason) {
    return new RouteException(new BadToken(token.id().value(), reason));
  }

  private static void check(Optional<TokenRow> token, BaselineName baseline, TokenRight right)
      throws RouteException {
    if (token.isEmpty()) {
      return;
    }
    if (token.get().scope() instanceof TokenScope.OneBaseline(var own) && !own.equals(baseline)) {
      throw notGranted("branches of baseline \"" + baseline + "\"");
    }
    for (var needed : EnumSet.of(TokenRight.CONNECT, right)) {
      if (!token.get().grants(needed)) {
        throw notGranted("the right to " + needed);
      }
    }
  }

  private static RouteException notGranted(String what) {
    return new RouteException(new RouteFailure.NotGranted("the token does not grant " + what));
  }

  private BranchName branchName(BranchAddress address, Optional<TokenRow> token)
      throws RouteException {
    var own =
        switch (token.map(TokenRow::scope).orElseGet(TokenScope.TheSystem::new)) {
          case TokenScope.TheSystem _, TokenScope.OneBaseline _ ->
              address
                  .branch()
                  .orElseThrow(() -> new RouteException(new RouteFailure.NoBranchNamed()));
          case TokenScope.OneBranch(var id) -> nameOf(id, token.orElseThrow());
          case TokenScope.OneName(var name) -> name;
        };
    if (address.branch().isPresent() && !address.branch().get().equals(own)) {
      throw notGranted("branch \"" + address.branch().get() + "\"");
    }
    return own;
  }

  // A row whose branch is not known here any more is a branch that is gone.
  private BranchName nameOf(long id, TokenRow token) throws RouteException {
    return branches.all().stream()
        .filter(branch -> branch.row().filter(row -> row.id() == id).isPresent())
        .map(BranchStatus::name)
        .findFirst()
        .orElseThrow(() -> bad(token, BadToken.Reason.UNKNOWN));
  }

  /**
   * The role whose password is the token's secret, when a token was presented as user.
   *
   * @param inBranch the role of that name in the branch
   */
  static Role roleOf(TokenRow token, Target target, Optional<Role> inBranch) {
    return new Role(
        target.address().role(),
        Optional.of(token.verifier()),
        inBranch.map(Role::canLogin).orElse(true),
        inBranch.map(Role::superuser).orElse(false),
        inBranch.map(Role::connectionLimit).orElse(-1),
        token.expiresAt());
  }

  /** See {@link Router#authorize}. Blocks. */
  TokenId authorize(Secret bearer, Optional<BranchName> about) throws RouteException {
    var token = tokens.find(BranchAddressParser.parseBearer(bearer.reveal()));
    if (!token.grants(TokenRight.ADMIN)) {
      throw notGranted("the right to " + TokenRight.ADMIN);
    }
    var row = about.flatMap(branches::find).flatMap(BranchStatus::row);
    boolean covered =
        switch (token.scope()) {
          case TokenScope.TheSystem _ -> true;
          case TokenScope.OneBaseline(var name) ->
              row.filter(branch -> branch.baseline().equals(name)).isPresent();
          case TokenScope.OneBranch(var id) -> row.filter(branch -> branch.id() == id).isPresent();
          case TokenScope.OneName(var name) ->
              row.filter(branch -> branch.name().equals(name)).isPresent();
        };
    if (!covered) {
      throw notGranted(about.map(name -> "branch \"" + name + "\"").orElse("this"));
    }
    return token.id();
  }
}
