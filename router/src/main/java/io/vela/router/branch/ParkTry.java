package io.vela.router.branch;

import io.vela.router.branch.BranchListener.Reason;
import java.time.Instant;

/**
 * That it was tried to put a branch to sleep under its sessions.
 *
 * @param at when it was over
 * @param reason why it was tried
 * @param outcome how it went
 */
public record ParkTry(Instant at, Reason reason, ParkOutcome outcome) {}
