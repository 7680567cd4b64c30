/**
 * Input that nobody meant: {@link io.vela.proxy.fuzz.WireFuzz} is a target for Jazzer as well as
 * for the seeded generator that runs with the tests.
 */
@NullMarked
package io.vela.proxy.fuzz;

import org.jspecify.annotations.NullMarked;
