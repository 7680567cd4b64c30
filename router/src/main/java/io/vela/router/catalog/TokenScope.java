package io.vela.router.catalog;

import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;

/** What a token is good for. */
public sealed interface TokenScope {
  /** Everything. */
  record TheSystem() implements TokenScope {}

  /** All branches of a baseline, those to come included. */
  record OneBaseline(BaselineName name) implements TokenScope {}

  /**
   * One branch.
   *
   * @param branch {@link BranchRow#id}: another branch that takes over the name is another branch
   */
  record OneBranch(long branch) implements TokenScope {}

  /** Whichever branch has the name, and none other; it need not be there yet. */
  record OneName(BranchName name) implements TokenScope {}
}
