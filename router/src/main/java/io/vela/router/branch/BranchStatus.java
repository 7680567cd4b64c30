package io.vela.router.branch;

import io.vela.config.value.BranchName;
import io.vela.router.SessionRouter.SessionLabel;
import io.vela.router.catalog.BranchRow;
import java.util.List;
import java.util.Optional;

/**
 * A branch at one moment.
 *
 * @param row as in the catalogue; empty before it is created
 * @param sessions who holds leases
 * @param waiting how many wait for one
 * @param waitsForRoom whether it is not being started because too many others run
 */
public record BranchStatus(
    BranchName name,
    BranchState state,
    Optional<BranchRow> row,
    List<SessionLabel> sessions,
    int waiting,
    boolean waitsForRoom) {}
