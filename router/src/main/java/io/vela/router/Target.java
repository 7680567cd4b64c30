package io.vela.router;

import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.route.BranchAddress;
import java.util.Optional;

/**
 * What an address means at this moment: a branch that is there, or one that policy lets a client
 * create. Nothing has been woken or created for it.
 *
 * @param branch the branch
 * @param createFrom the baseline to create it from; empty when it exists
 * @param address what the client asked for
 */
public record Target(BranchName branch, Optional<BaselineName> createFrom, BranchAddress address) {}
