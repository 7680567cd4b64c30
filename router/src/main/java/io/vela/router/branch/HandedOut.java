package io.vela.router.branch;

import io.vela.agent.Endpoint;
import io.vela.router.catalog.BranchRow;
import io.vela.router.room.Place;

/**
 * A branch that was made of a warm clone: it runs.
 *
 * @param row as it is in the catalogue
 * @param endpoint where it accepts connections
 * @param place the running instance's, the branch's from here on
 */
public record HandedOut(BranchRow row, Endpoint endpoint, Place place) {}
