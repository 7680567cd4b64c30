package io.vela.router.branch;

import io.vela.config.value.BranchName;
import io.vela.router.BranchSession;
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
 * @param lastTry to park its sessions; empty when that was never tried since it last woke
 */
public record BranchStatus(
    BranchName name,
    BranchState state,
    Optional<BranchRow> row,
    List<BranchSession> sessions,
    int waiting,
    boolean waitsForRoom,
    Optional<ParkTry> lastTry) {}
