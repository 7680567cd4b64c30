/**
 * The state of a session apart from its connection: what of it is captured on its own backend, what
 * forbids that, and how it is put back on a new one. Knows the protocol and Postgres's catalogues;
 * nothing of routing, authentication or the relay.
 */
@NullMarked
package io.vela.proxy.park;

import org.jspecify.annotations.NullMarked;
