package io.vela.router;

import io.vela.config.TokenPolicy;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.catalog.TokenRight;
import java.time.Duration;
import java.util.List;
import java.util.Set;

/**
 * A token that somebody wants. Whatever grants more than one role of one branch for a time has to
 * be asked for by name: there is no default that grants everything.
 *
 * @param subject what it is good for
 * @param roles the roles it may be used with
 * @param rights what it grants there
 * @param lifetime for how long it is good
 */
public record TokenRequest(
    Subject subject, Roles roles, Set<TokenRight> rights, Lifetime lifetime) {
  /**
   * @throws IllegalArgumentException without a right; or for a token that connects to all branches
   *     and does not say with which roles, since there is no role that all of them have
   */
  public TokenRequest {
    if (rights.isEmpty()) {
      throw new IllegalArgumentException("a token needs at least one right");
    }
    rights = Set.copyOf(rights);
    if (subject instanceof OfSystem && roles instanceof Standard && connects(rights)) {
      throw new IllegalArgumentException(
          "a token that connects to branches of the whole system needs its roles named");
    }
  }

  /** Whether clients get in with it, so that its roles matter. */
  static boolean connects(Set<TokenRight> rights) {
    return rights.contains(TokenRight.CONNECT) || rights.contains(TokenRight.CREATE);
  }

  /** One to connect to a branch with its default role, for as long as its policy says. */
  public static TokenRequest forBranch(BranchName name) {
    return new TokenRequest(
        new OfBranch(name), new Standard(), Set.of(TokenRight.CONNECT), new ByPolicy());
  }

  /** One that administers the system over REST, until it is revoked; nobody connects with it. */
  public static TokenRequest toAdministrate() {
    return new TokenRequest(
        new OfSystem(), new Standard(), Set.of(TokenRight.ADMIN), new Endless());
  }

  /** What a token is wanted for. */
  public sealed interface Subject {}

  /**
   * One branch. With the right to create it need not be there, and whichever branch has the name is
   * meant; else the branch that is there now is meant, and no later one of its name.
   */
  public record OfBranch(BranchName name) implements Subject {}

  /** All branches of a baseline. */
  public record OfBaseline(BaselineName name) implements Subject {}

  /** Everything. */
  public record OfSystem() implements Subject {}

  /** Which roles a token is wanted for. */
  public sealed interface Roles {}

  /** The one that a connection string names when nobody said; see {@link DefaultTarget}. */
  public record Standard() implements Roles {}

  /** These only. */
  public record Named(List<String> names) implements Roles {
    /**
     * @throws IllegalArgumentException without a name
     */
    public Named {
      if (names.isEmpty()) {
        throw new IllegalArgumentException("no role is named");
      }
      names = List.copyOf(names);
    }
  }

  /** All that a branch has, its superusers among them. */
  public record Any() implements Roles {}

  /** How long a token is wanted for. */
  public sealed interface Lifetime {}

  /** As {@code token-lifetime} of the policy says. */
  public record ByPolicy() implements Lifetime {}

  /** For a time from now on. */
  public record For(Duration time) implements Lifetime {
    /**
     * @throws IllegalArgumentException when {@link TokenPolicy#validLifetime} refuses it
     */
    public For {
      TokenPolicy.validLifetime(time);
    }
  }

  /** Until it is revoked. */
  public record Endless() implements Lifetime {}
}
